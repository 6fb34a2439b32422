// Engine: leases given out.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "coordinator/engine/check.h"
#include "coordinator/engine/engine.h"
#include "coordinator/schedule/fair_share.h"
#include "coordinator/schedule/lease_size.h"

namespace seedcast::engine {

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
    Work* work = NextWork(worker, *job);
    if (work != nullptr && !MayServe(worker, *job)) work = nullptr;
    works.push_back(work);
    candidates.push_back({job->served_seconds, work != nullptr});
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
  const auto judge = [&](absl::Span<const int64_t> holders) { return MayRepeat(worker, holders); };
  for (const auto& [number, job] : active_) {
    if (!MayServe(worker, *job)) continue;
    for (Work* work : job->OpenWork()) {
      const std::optional<UnitRange> units = work->table.Repeat(next_lease_id_, judge);
      if (!units) continue;
      ++stats_.repeated_leases;
      AddLease(next_lease_id_++, worker, *work, *units);
      return true;
    }
  }
  return false;
}

// Two holders are enough, unless the second lets us wait too: then a third, and after twice that time a fourth, so that
// no number of workers that hang can hold up a generation.
LeaseTable::Verdict Engine::MayRepeat(const Worker& worker, absl::Span<const int64_t> holders) const {
  double expected_seconds = 0;
  for (const int64_t holder : holders) {
    const Lease& lease = leases_.at(holder);
    if (lease.worker == &worker) return LeaseTable::Verdict::kPass;
    expected_seconds = std::max(expected_seconds, lease.charged_seconds);
  }
  if (holders.size() == 1) return LeaseTable::Verdict::kJoin;
  const double doubled = std::ldexp(1.0, static_cast<int>(std::min<size_t>(holders.size() - 2, 20)));
  const absl::Duration patience = doubled * std::max(options_.repeat_patience, absl::Seconds(4 * expected_seconds));
  const absl::Duration waited = now_ - leases_.at(holders.back()).granted;
  return waited > patience ? LeaseTable::Verdict::kJoin : LeaseTable::Verdict::kStop;
}

bool Engine::MayServe(const Worker& worker, const Job& job) const {
  if (!CanServe(worker, job) || worker.InBackoff(job.job_id, now_)) return false;
  const auto max_workers = static_cast<size_t>(job.plan.max_workers);
  return max_workers == 0 || job.leases_of_worker.size() < max_workers ||
         job.leases_of_worker.contains(worker.worker_id);
}

// What the worker would do next for this job: evaluations that users wait for, then pairs, then validation.
Work* Engine::NextWork(const Worker& worker, Job& job) {
  for (const auto& [id, work] : job.evaluations) {
    if (work->table.pending() > 0) return work.get();
  }
  if (job.state != v1::RUNNING || !job.open) return nullptr;
  if (Work* pairs = NextPairs(worker, job)) return pairs;
  const bool validation = job.open->validation && job.open->validation->table.pending() > 0;
  return validation ? &*job.open->validation : nullptr;
}

Work* Engine::NextPairs(const Worker& worker, Job& job) {
  std::vector<Work>& pairs = job.open->pairs;
  if (pairs.size() == 1) return ReachOf(worker, pairs[0]) != Reach::kNothing ? &pairs[0] : nullptr;
  if (job.schedule.stale()) MakeGroups(job);
  std::vector<ClusterCandidate> candidates;
  candidates.reserve(pairs.size());
  for (const Work& work : pairs) {
    const double unit_seconds = job.schedule.PredictedUnitSeconds(work.cluster);
    candidates.push_back({ReachOf(worker, work), job.schedule.GroupOf(work.cluster), unit_seconds,
                          unit_seconds * static_cast<double>(work.table.pending())});
  }
  const std::optional<size_t> next =
      NextCluster(candidates, job.schedule.GroupOfWorker(worker.number), job.schedule.GroupSlots());
  return next ? &pairs[*next] : nullptr;
}

// Pairs whose inner state another worker has are worth taking when that worker would need longer to come to them than
// it takes to rebuild the state; or when nothing moves, for the other may be long at another job.
Reach Engine::ReachOf(const Worker& worker, const Work& work) const {
  const LeaseTable& table = work.table;
  if (table.pending() == 0) return Reach::kNothing;
  if (table.pending_at(kNobody) > 0 || table.pending_at(worker.number) > 0) return Reach::kAtHand;
  const int32_t home = table.BusiestHome();
  const Worker* other = workers_.FindByNumber(home);
  if (other == nullptr || !other->available() || !MayServe(*other, *work.job)) return Reach::kElsewhere;
  const double rebuild_units = work.job->plan.rebuild_units;
  const bool late = static_cast<double>(table.pending_at(home)) > (1 + rebuild_units) * other->slots;
  const double unit_seconds = work.job->schedule.PredictedUnitSeconds(work.cluster);
  const absl::Duration patience = std::max(options_.repeat_patience, absl::Seconds((1 + rebuild_units) * unit_seconds));
  return late || now_ - work.progressed > patience ? Reach::kElsewhere : Reach::kNothing;
}

// Of the workers that serve the job; where their number is limited these are the first, who are asked first.
void Engine::MakeGroups(Job& job) {
  std::vector<ClusterSchedule::Server> servers;
  const auto limit = job.plan.max_workers == 0 ? workers_.all().size() : static_cast<size_t>(job.plan.max_workers);
  for (const auto& [worker_id, worker] : workers_.all()) {
    if (servers.size() == limit) break;
    if (worker.available() && CanServe(worker, job)) servers.push_back({worker.number, worker.slots});
  }
  job.schedule.Plan(servers);
}

void Engine::Grant(Worker& worker, Work& work) {
  const JobPlan& plan = work.job->plan;
  const int64_t lease_id = next_lease_id_++;
  const bool with_gradients = work.kind == WorkKind::kPairs && plan.gradient_size > 0;
  const int64_t size =
      LeaseSize({.seconds_per_unit = SecondsPerUnit(worker, work),
                 .target_seconds = absl::ToDoubleSeconds(options_.lease_target),
                 .pending_units = PendingUnitsWorth(work),
                 .eligible_slots = work.job->eligible_slots,
                 .max_units = with_gradients ? GradientLeaseUnits(plan.gradient_size) : kMaxLeaseUnits});
  AddLease(lease_id, worker, work, work.table.Take(lease_id, size, worker.number));
}

// A worker that was measured on other clusters of the job takes the mean of all workers for this one.
double Engine::SecondsPerUnit(const Worker& worker, const Work& work) const {
  const double own = worker.SecondsPerUnit(work);
  if (own > 0 || work.kind != WorkKind::kPairs) return own;
  const auto record = worker.records.find(work.job->job_id);
  const bool known = record != worker.records.end() && !record->second.seconds_per_unit.empty();
  return known ? work.job->schedule.UnitSeconds(work.cluster) : 0;
}

// What is pending in all clusters of the generation, in units of this one.
int64_t Engine::PendingUnitsWorth(const Work& work) const {
  const Job& job = *work.job;
  if (work.kind != WorkKind::kPairs || job.open->pairs.size() == 1) return work.table.pending();
  double seconds = 0;
  for (const Work& pairs : job.open->pairs) {
    seconds += static_cast<double>(pairs.table.pending()) * job.schedule.PredictedUnitSeconds(pairs.cluster);
  }
  const double units = std::ceil(seconds / job.schedule.PredictedUnitSeconds(work.cluster));
  return static_cast<int64_t>(std::min(units, 1e15));
}

void Engine::AddLease(int64_t lease_id, Worker& worker, Work& work, UnitRange units) {
  SEEDCAST_CHECK(worker.leases.size() < worker.lease_limit(), "no more leases than twice the slots");
  Job& job = *work.job;
  const double seconds_per_unit = SecondsPerUnit(worker, work);
  const double charge = seconds_per_unit > 0 ? seconds_per_unit * static_cast<double>(units.count)
                                             : absl::ToDoubleSeconds(options_.lease_target);
  leases_.emplace(lease_id, Lease{&worker, &work, charge, now_});
  ++stats_.granted_leases;
  if (work.kind == WorkKind::kPairs) stats_.lease_wait.Observe(absl::ToDoubleSeconds(now_ - job.open->opened));
  worker.leases.insert(lease_id);
  ++job.leases_of_worker[worker.worker_id];
  job.served_seconds += charge;
  if (job.proof.empty()) {
    job.proof = worker.proofs.at(job.plan.numeric_class);
    RecountEligible(job);
    if (job.plan.numeric_class != v1::F32) Emit(JobProved{job.job_id, job.proof});
  }
  if (worker.open_jobs.insert(job.job_id).second) Emit(OpenJob{worker.worker_id, job.job_id});
  GrantLease action{worker.worker_id, lease_id,     job.job_id, work.version, work.digest, units,
                    work.cluster,     std::nullopt, {}};
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
