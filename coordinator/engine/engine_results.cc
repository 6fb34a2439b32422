// Engine: results taken in.
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "coordinator/engine/check.h"
#include "coordinator/engine/engine.h"

namespace seedcast::engine {

// Results are keyed by (job, version, units), not by lease: one that arrives after its lease expired, or after this
// coordinator restarted, still counts while its units are open.
void Engine::On(const ResultArrived& event) {
  Worker* worker = Touch(event.worker_id);
  if (worker == nullptr) return;
  const v1::LeaseResult& result = *event.result;
  Work* work = FindWork(result);
  if (work == nullptr) {
    if (worker->leases.contains(result.lease_id())) GiveBack(result.lease_id());
  } else if (const absl::Status status = Check(result, *worker, *work); !status.ok()) {
    ++stats_.rejected_results;
    worker->RecordFailure(result.job_id(), now_);
    work->job->last_lease_error = absl::StrCat("worker ", worker->worker_id, ": result refused: ", status.message());
    if (Owns(*worker, result.lease_id(), work)) GiveBack(result.lease_id());
  } else {
    Count(result, *worker, *work);
  }
  Fill(*worker);
}

absl::Status Engine::Check(const v1::LeaseResult& result, const Worker& worker, const Work& work) const {
  if (!CanServe(worker, *work.job)) {
    return absl::FailedPreconditionError("the worker proved other bits than the job's, or not its kind of task");
  }
  return work.Check(result);
}

Work* Engine::FindWork(const v1::LeaseResult& result) {
  const auto found = jobs_.find(result.job_id());
  if (found == jobs_.end()) {
    ++stats_.unknown_results;
    return nullptr;
  }
  Job& job = found->second;
  if (result.has_episodes() && result.episodes().evaluation_id() != 0) {
    const auto evaluation = job.evaluations.find(result.episodes().evaluation_id());
    if (evaluation != job.evaluations.end() && evaluation->second->version == result.version()) {
      return evaluation->second.get();
    }
    ++stats_.unknown_results;
    return nullptr;
  }
  if (job.open != nullptr && result.version() == job.version) {
    if (result.has_pairs() && !job.open->pairs.empty()) {
      const auto cluster = static_cast<uint32_t>(result.pairs().cluster());
      return &job.open->pairs[cluster < job.open->pairs.size() ? cluster : 0];  // Check refuses an unknown one
    }
    if (result.has_episodes() && job.open->validation) return &*job.open->validation;
  }
  ++(result.version() <= job.version ? stats_.stale_results : stats_.unknown_results);
  return nullptr;
}

void Engine::Count(const v1::LeaseResult& result, Worker& worker, Work& work) {
  const UnitRange units = RangeOf(result);
  const bool owned = Owns(worker, result.lease_id(), &work);
  if (owned) worker.RecordRate(work, result.seconds(), units.count);

  std::vector<int64_t> ended;
  const int64_t new_units = AcceptAndCount(result, worker, work, &ended);
  CountTime(result, worker, work, new_units);

  if (owned) {
    ++stats_.completed_leases;
    work.table.Release(result.lease_id());  // what the result left out, if anything, is pending again
    Forget(result.lease_id(), result.seconds());
  }
  absl::InlinedVector<Worker*, 4> freed;
  for (const int64_t lease_id : ended) {
    if (owned && lease_id == result.lease_id()) continue;
    const Lease& loser = leases_.at(lease_id);
    freed.push_back(loser.worker);
    Emit(RevokeLeases{loser.worker->worker_id, {lease_id}});
    Forget(lease_id, loser.charged_seconds);
  }
  if (new_units > 0) Progress(work);  // may end `work`
  for (Worker* other : freed) Fill(*other);
}

int64_t Engine::AcceptAndCount(const v1::LeaseResult& result, const Worker& worker, Work& work,
                               std::vector<int64_t>* ended) {
  const int64_t failed = work.failed, not_finite = work.not_finite, diverged = work.diverged;
  const int64_t new_units = work.Accept(result, worker.number, now_, ended);
  ++(new_units > 0 ? stats_.results : stats_.duplicate_results);
  stats_.evaluation.Observe(result.seconds());
  if (work.kind == WorkKind::kPairs) {
    stats_.failed_evaluations += work.failed - failed;
    stats_.not_finite_evaluations += work.not_finite - not_finite;
    stats_.diverged += work.diverged - diverged;
  }
  return new_units;
}

// For the metrics of a generation.
void Engine::CountTime(const v1::LeaseResult& result, const Worker& worker, Work& work, int64_t new_units) {
  if (work.kind == WorkKind::kEvaluation) return;
  Job& job = *work.job;
  job.open->busy_seconds += result.seconds();
  if (job.open->workers.insert(worker.number).second) job.open->slots += worker.slots;
  if (work.kind != WorkKind::kPairs) return;
  stats_.evaluations += 2 * new_units;
  if (job.schedule.GroupOfWorker(worker.number) != job.schedule.GroupOf(work.cluster)) work.stolen_units += new_units;
}

bool Engine::TooManyFailed(const Job& job) const {
  return job.failed_evaluations + job.open->failed() > job.plan.max_failed_evaluations;
}

}  // namespace seedcast::engine
