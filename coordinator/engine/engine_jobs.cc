// Engine: jobs, their generations and the evaluations that users ask for.
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/check.h"
#include "coordinator/engine/engine.h"
#include "coordinator/schedule/fair_share.h"

namespace seedcast::engine {

Job& Engine::MustFindJob(const std::string& job_id) {
  const auto job = jobs_.find(job_id);
  SEEDCAST_CHECK(job != jobs_.end(), "the coordinator names known jobs only");
  return job->second;
}

void Engine::On(const JobAdded& event) {
  const auto [entry, added] = jobs_.try_emplace(event.job_id);
  SEEDCAST_CHECK(added, "a job is added once");
  Job& job = entry->second;
  job.number = next_job_number_++;
  job.job_id = event.job_id;
  job.plan = event.plan;
  job.state = event.state;
  job.version = event.version;
  job.digest = event.digest;
  job.failed_evaluations = event.failed_evaluations;
  if (job.ended()) return;
  Activate(job);
  OpenGeneration(job);
}

void Engine::On(const JobPaused& event) {
  Job& job = MustFindJob(event.job_id);
  if (job.state == v1::RUNNING) job.state = v1::PAUSED;  // what is out may finish and is kept
}

void Engine::On(const JobResumed& event) {
  Job& job = MustFindJob(event.job_id);
  if (job.state != v1::PAUSED) return;
  job.state = v1::RUNNING;
  if (job.open == nullptr && !job.committing) OpenGeneration(job);
  FillAll();
}

void Engine::On(const JobCancelled& event) {
  Job& job = MustFindJob(event.job_id);
  if (!job.ended()) EndJob(job, v1::CANCELLED);
}

void Engine::On(const GenerationCommitted& event) {
  Job& job = MustFindJob(event.job_id);
  if (job.ended()) return;
  SEEDCAST_CHECK(job.committing && event.new_version == job.version + 1, "a generation is committed once, in order");
  job.committing = false;
  job.version = event.new_version;
  job.digest = event.digest;
  OpenGeneration(job);
}

void Engine::On(const JobFinished& event) {
  Job& job = MustFindJob(event.job_id);
  if (!job.ended()) EndJob(job, v1::SUCCEEDED);
}

// Jobs that may have work stand in active_; one that comes (back) has no claim on the time it was away.
void Engine::Activate(Job& job) {
  if (active_.contains(job.number)) return;
  std::vector<double> others;
  for (const auto& [number, other] : active_) others.push_back(other->served_seconds);
  job.served_seconds = EntryShare(job.served_seconds, others);
  active_[job.number] = &job;
  job.close_at = absl::InfiniteFuture();
  closing_.erase(job.job_id);
  RecountEligible(job);
}

// An ended job with no evaluation left asks for no more work; workers forget it after a while, for evaluations often
// follow one another.
void Engine::Rest(Job& job) {
  if (!job.ended() || !job.evaluations.empty()) return;
  active_.erase(job.number);
  job.close_at = now_ + options_.keep_open;
  closing_.insert(job.job_id);
}

void Engine::RecountEligible(Job& job) {
  job.eligible_workers = 0;
  job.eligible_slots = 0;
  for (const auto& [worker_id, worker] : workers_.all()) {
    if (!worker.available() || !CanServe(worker, job)) continue;
    ++job.eligible_workers;
    job.eligible_slots += worker.slots;
  }
}

void Engine::OpenGeneration(Job& job) {
  if (job.state != v1::RUNNING) return;
  SEEDCAST_CHECK(job.open == nullptr && !job.committing, "one generation at a time");
  job.open = std::make_unique<Generation>();
  job.open->opened = now_;
  if (job.version < job.plan.generations) {
    job.open->pairs = Work::Pairs(&job, job.version, job.plan.population_size);
    job.open->pairs->digest = job.digest;
  }
  if (job.validation_due()) {
    job.open->validation = Work::Episodes(WorkKind::kValidation, &job, job.version, 0, job.plan.validation_episodes);
    job.open->validation->digest = job.digest;
  }
  if (job.open->complete()) {
    CloseGeneration(job);
  } else {
    FillAll();
  }
}

void Engine::CloseGeneration(Job& job) {
  const std::unique_ptr<Generation> closed = std::move(job.open);
  job.committing = true;
  std::optional<EpisodeResults> validation;
  if (closed->validation) validation = closed->validation->TakeEpisodes();
  const double seconds = absl::ToDoubleSeconds(now_ - closed->opened);
  if (!closed->pairs) {
    Emit(FinishJob{job.job_id, job.version, seconds, std::move(validation)});
    return;
  }
  Work& pairs = *closed->pairs;
  job.failed_evaluations += pairs.failed + pairs.not_finite;
  Emit(CommitGeneration{job.job_id, job.version, {std::move(pairs.fitness), {}}, pairs.failed, pairs.not_finite, seconds,
                        std::move(validation)});
}

void Engine::EndJob(Job& job, v1::JobState state) {
  if (job.open != nullptr) {
    if (job.open->pairs) RevokeWork(*job.open->pairs);
    if (job.open->validation) RevokeWork(*job.open->validation);
    job.open.reset();
  }
  job.committing = false;
  job.state = state;
  Rest(job);
  FillAll();
}

void Engine::On(const EvaluationRequested& event) {
  SEEDCAST_CHECK(event.evaluation_id > 0 && !evaluations_.contains(event.evaluation_id), "evaluation ids are new");
  Job& job = MustFindJob(event.job_id);
  auto work = std::make_unique<Work>(
      Work::Episodes(WorkKind::kEvaluation, &job, event.version, event.evaluation_id, event.spec));
  work->digest = event.digest;
  evaluations_[event.evaluation_id] = work.get();
  job.evaluations[event.evaluation_id] = std::move(work);
  Activate(job);
  FillAll();
}

void Engine::On(const EvaluationCancelled& event) {
  const auto found = evaluations_.find(event.evaluation_id);
  if (found == evaluations_.end()) return;
  RevokeWork(*found->second);
  FinishEvaluation(*found->second);
  FillAll();
}

// After new units of `work` came in.
void Engine::Progress(Work& work) {
  Job& job = *work.job;
  if (work.kind == WorkKind::kEvaluation) {
    Emit(EvaluationProgressed{work.evaluation_id, work.table.done()});
    if (!work.table.complete()) return;
    Emit(EvaluationDone{work.evaluation_id, work.TakeEpisodes()});
    FinishEvaluation(work);
  } else if (TooManyFailed(job)) {
    Emit(FailJob{
        job.job_id,
        absl::StrCat("evaluations failed ",
                     job.failed_evaluations + job.open->pairs->failed + job.open->pairs->not_finite, " of at most ",
                     job.plan.max_failed_evaluations, "; last error: ", job.open->pairs->last_error)});
    EndJob(job, v1::FAILED);
  } else if (job.open->complete()) {
    CloseGeneration(job);
  }
}

void Engine::FinishEvaluation(Work& work) {
  Job& job = *work.job;
  evaluations_.erase(work.evaluation_id);
  job.evaluations.erase(work.evaluation_id);  // and with it `work`
  Rest(job);
}

}  // namespace seedcast::engine
