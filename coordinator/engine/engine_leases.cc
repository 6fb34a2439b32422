// Engine: leases given out, results taken in.
#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "coordinator/engine/check.h"
#include "coordinator/engine/engine.h"
#include "coordinator/schedule/fair_share.h"
#include "coordinator/schedule/lease_size.h"

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
  } else if (!CanServe(*worker, *work->job) || !work->Check(result).ok()) {  // other bits, or no sense
    ++stats_.rejected_results;
    worker->RecordFailure(result.job_id(), now_);
    work->job->last_lease_error = "worker " + worker->worker_id + ": malformed result";
    if (Owns(*worker, result.lease_id(), work)) GiveBack(result.lease_id());
  } else {
    Count(result, *worker, *work);
  }
  Fill(*worker);
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
    if (result.has_pairs() && job.open->pairs) return &*job.open->pairs;
    if (result.has_episodes() && job.open->validation) return &*job.open->validation;
  }
  ++(result.version() <= job.version ? stats_.stale_results : stats_.unknown_results);
  return nullptr;
}

void Engine::Count(const v1::LeaseResult& result, Worker& worker, Work& work) {
  const UnitRange units = RangeOf(result);
  const bool owned = Owns(worker, result.lease_id(), &work);
  if (owned) worker.RecordRate(result.job_id(), work.kind, result.seconds(), units.count);

  std::vector<int64_t> ended;
  const int64_t new_units = work.Accept(result, &ended);
  ++(new_units > 0 ? stats_.results : stats_.duplicate_results);
  if (work.kind == WorkKind::kPairs) stats_.evaluations += 2 * new_units;

  if (owned) {
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

bool Engine::TooManyFailed(const Job& job) const {
  if (!job.open->pairs) return false;
  const Work& pairs = *job.open->pairs;
  return job.failed_evaluations + pairs.failed + pairs.not_finite > job.plan.max_failed_evaluations;
}

// One lease a worker and round, first for every idle slot, then to queue one more behind each: so a small generation
// spreads over all workers.
void Engine::FillAll() {
  if (stopped_ || active_.empty()) return;
  for (const size_t per_slot : {1, 2}) {
    for (bool granted = true; granted;) {
      granted = false;
      for (auto& [worker_id, worker] : workers_.all()) {
        if (!worker.available() || worker.leases.size() >= per_slot * worker.slots) continue;
        granted |= GrantOne(worker);
      }
    }
  }
}

void Engine::Fill(Worker& worker) {
  if (stopped_ || !worker.available()) return;
  while (worker.leases.size() < worker.lease_limit() && GrantOne(worker)) {
  }
}

bool Engine::GrantOne(Worker& worker) {
  absl::InlinedVector<ShareCandidate, 8> candidates;
  absl::InlinedVector<Work*, 8> works;
  for (const auto& [number, job] : active_) {
    Work* work = job->PendingWork();
    works.push_back(work);
    candidates.push_back({job->served_seconds, work != nullptr && MayServe(worker, *job)});
  }
  const std::optional<size_t> next = LeastServed(candidates);
  if (!next) return RepeatOne(worker);
  Job& job = *works[*next]->job;
  job.served_seconds = BoundedCredit(job.served_seconds, candidates);
  Grant(worker, *works[*next]);
  return true;
}

// At the tail of some work, when nothing is pending: an idle slot does the oldest lease of another worker once more.
// The bits are equal, so it does not matter who comes first.
bool Engine::RepeatOne(Worker& worker) {
  if (worker.leases.size() >= static_cast<size_t>(worker.slots)) return false;
  const auto mine = [&](int64_t holder) { return leases_.at(holder).worker == &worker; };
  for (const auto& [number, job] : active_) {
    if (!MayServe(worker, *job)) continue;
    for (Work* work : job->OpenWork()) {
      if (!work->table.has_single_holders()) continue;
      const std::optional<UnitRange> units = work->table.Repeat(next_lease_id_, mine);
      if (!units) continue;
      ++stats_.repeated_leases;
      AddLease(next_lease_id_++, worker, *work, *units);
      return true;
    }
  }
  return false;
}

bool Engine::MayServe(const Worker& worker, const Job& job) const {
  if (!CanServe(worker, job) || worker.InBackoff(job.job_id, now_)) return false;
  const auto max_workers = static_cast<size_t>(job.plan.max_workers);
  return max_workers == 0 || job.leases_of_worker.size() < max_workers ||
         job.leases_of_worker.contains(worker.worker_id);
}

void Engine::Grant(Worker& worker, Work& work) {
  const int64_t lease_id = next_lease_id_++;
  const int64_t size = LeaseSize({.seconds_per_unit = worker.SecondsPerUnit(work.job->job_id, work.kind),
                                  .target_seconds = absl::ToDoubleSeconds(options_.lease_target),
                                  .pending_units = work.table.pending(),
                                  .eligible_slots = work.job->eligible_slots});
  AddLease(lease_id, worker, work, work.table.Take(lease_id, size));
}

void Engine::AddLease(int64_t lease_id, Worker& worker, Work& work, UnitRange units) {
  SEEDCAST_CHECK(worker.leases.size() < worker.lease_limit(), "no more leases than twice the slots");
  Job& job = *work.job;
  const double seconds_per_unit = worker.SecondsPerUnit(job.job_id, work.kind);
  const double charge = seconds_per_unit > 0 ? seconds_per_unit * static_cast<double>(units.count)
                                             : absl::ToDoubleSeconds(options_.lease_target);
  leases_.emplace(lease_id, Lease{&worker, &work, units, charge});
  worker.leases.insert(lease_id);
  ++job.leases_of_worker[worker.worker_id];
  job.served_seconds += charge;
  if (job.proof.empty()) {
    job.proof = worker.proofs.at(job.plan.numeric_class);
    RecountEligible(job);
  }
  if (worker.open_jobs.insert(job.job_id).second) Emit(OpenJob{worker.worker_id, job.job_id});
  GrantLease action{worker.worker_id, lease_id, job.job_id, work.version, work.digest, units, std::nullopt, {}};
  if (work.kind != WorkKind::kPairs) {
    action.evaluation_id = work.evaluation_id;
    action.spec = work.spec;
  }
  Emit(std::move(action));
}

bool Engine::Owns(const Worker& worker, int64_t lease_id, const Work* work) const {
  return worker.leases.contains(lease_id) && leases_.at(lease_id).work == work;
}

void Engine::GiveBack(int64_t lease_id) {
  leases_.at(lease_id).work->table.Release(lease_id);
  Forget(lease_id, 0);
}

void Engine::GiveBackAll(Worker& worker) {
  while (!worker.leases.empty()) GiveBack(*worker.leases.begin());
}

void Engine::Forget(int64_t lease_id, double served_seconds) {
  const auto found = leases_.find(lease_id);
  SEEDCAST_CHECK(found != leases_.end(), "a lease ends once");
  const Lease& lease = found->second;
  Job& job = *lease.work->job;
  job.served_seconds += served_seconds - lease.charged_seconds;
  lease.worker->leases.erase(lease_id);
  const auto held = job.leases_of_worker.find(lease.worker->worker_id);
  if (--held->second == 0) job.leases_of_worker.erase(held);
  leases_.erase(found);
}

// All leases of work that ends before it is complete.
void Engine::RevokeWork(Work& work) {
  for (auto& [worker_id, worker] : workers_.all()) {
    RevokeLeases revoked{worker_id, {}};
    for (const int64_t lease_id : worker.leases) {
      if (leases_.at(lease_id).work == &work) revoked.lease_ids.push_back(lease_id);
    }
    if (revoked.lease_ids.empty()) continue;
    for (const int64_t lease_id : revoked.lease_ids) Forget(lease_id, leases_.at(lease_id).charged_seconds);
    Emit(std::move(revoked));
  }
}

}  // namespace seedcast::engine
