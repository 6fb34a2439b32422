// Engine: jobs, their generations and the evaluations that users ask for.
#include <algorithm>
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
  job.proof = event.proof;
  job.schedule = ClusterSchedule(job.plan.clusters, job.plan.population_size / 2, job.plan.cluster_groups);
  job.done_by.resize(job.plan.clusters);
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
  job.unserved_since = absl::InfiniteFuture();
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
  job.unserved_since = absl::InfiniteFuture();
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
  job.schedule.WorkersChanged();
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
    job.open->pairs.reserve(job.plan.clusters);
    for (int c = 0; c < job.plan.clusters; ++c) {
      Work& pairs = job.open->pairs.emplace_back(Work::Pairs(&job, job.version, c, HomesOf(job, c)));
      pairs.digest = job.digest;
      pairs.progressed = now_;
    }
    job.schedule.FollowDrift();
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
  if (closed->pairs.empty()) {
    Emit(FinishJob{job.job_id, job.version, absl::ToDoubleSeconds(now_ - closed->opened), std::move(validation)});
    return;
  }
  job.failed_evaluations += closed->failed();
  CommitGeneration report = Report(job, *closed);
  report.validation = std::move(validation);
  for (Work& pairs : closed->pairs) {
    job.schedule.Measure(pairs.cluster, pairs.seconds, pairs.table.units());
    job.done_by[pairs.cluster] = std::move(pairs.done_by);
  }
  Emit(std::move(report));
}

CommitGeneration Engine::Report(Job& job, Generation& closed) {
  CommitGeneration report;
  report.job_id = job.job_id;
  report.generation = job.version;
  report.seconds = absl::ToDoubleSeconds(now_ - closed.opened);
  report.groups = ReportGroups(job, closed);
  std::vector<const GradientSum*> gradients;
  for (const Work& pairs : closed.pairs) {
    report.outcome.fitness.insert(report.outcome.fitness.end(), pairs.fitness.begin(), pairs.fitness.end());
    if (pairs.gradient) gradients.push_back(&*pairs.gradient);
    report.failed += pairs.failed;
    report.not_finite += pairs.not_finite;
    report.clusters.push_back(
        {pairs.seconds, job.schedule.GroupOf(pairs.cluster), pairs.failed, pairs.not_finite, pairs.diverged});
  }
  if (!gradients.empty()) report.outcome.gradient = WeightedMean(gradients, job.plan.cluster_weights);
  const double available = static_cast<double>(closed.slots) * report.seconds;
  if (available > 0) report.idle_share = std::clamp(1 - closed.busy_seconds / available, 0.0, 1.0);
  return report;
}

std::vector<GroupReport> Engine::ReportGroups(const Job& job, const Generation& closed) const {
  const ClusterSchedule& schedule = job.schedule;
  std::vector<GroupReport> groups(schedule.groups() > 1 ? schedule.groups() : 0);
  if (groups.empty()) return groups;
  const std::vector<double> predicted = schedule.PredictedGroupSeconds(), slots = schedule.GroupSlots();
  for (size_t g = 0; g < groups.size(); ++g) {
    groups[g].predicted_seconds = predicted[g];
    groups[g].workers = schedule.WorkersOf(static_cast<int>(g));
    groups[g].slots = static_cast<int>(slots[g]);
  }
  for (const Work& pairs : closed.pairs) {
    GroupReport& group = groups[schedule.GroupOf(pairs.cluster)];
    group.measured_seconds += pairs.seconds;
    group.finished_seconds = std::max(group.finished_seconds, absl::ToDoubleSeconds(pairs.progressed - closed.opened));
    group.stolen_pairs += pairs.stolen_units;
  }
  return groups;
}

// Nobody's are the pairs that begin anew, and those whose worker is gone.
std::vector<int32_t> Engine::HomesOf(const Job& job, int cluster) const {
  std::vector<int32_t> homes = job.done_by[cluster];
  for (size_t pair = 0; pair < homes.size(); ++pair) {
    const bool anew = job.plan.begins_anew(job.version, static_cast<int64_t>(pair));
    if (anew || workers_.FindByNumber(homes[pair]) == nullptr) homes[pair] = kNobody;
  }
  return homes;
}

void Engine::EndJob(Job& job, v1::JobState state) {
  if (job.open != nullptr) {
    for (Work& pairs : job.open->pairs) RevokeWork(pairs);
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
    const int64_t failed = job.failed_evaluations + job.open->failed();
    Emit(FailJob{job.job_id,
                 absl::StrCat(failed, " evaluations failed, expected at most ", job.plan.max_failed_evaluations,
                              "; last error: ", work.last_error),
                 failed});
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
