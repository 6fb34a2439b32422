#include "coordinator/engine/engine.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "coordinator/engine/check.h"

namespace seedcast::engine {
namespace {

constexpr int32_t kMaxSlots = 4096;
constexpr size_t kMaxWorkerIdLength = 200;

}  // namespace

std::vector<Action> Engine::Handle(const Event& event, absl::Time now) {
  now_ = now;
  actions_.clear();
  std::visit([this](const auto& e) { On(e); }, event);
  return std::exchange(actions_, {});
}

absl::Status Engine::CheckWorker(WorkerJoined* joined, std::string* refused) const {
  if (joined->worker_id.empty() || joined->worker_id.size() > kMaxWorkerIdLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker_id: ", joined->worker_id.size(), " bytes, expected 1 .. ", kMaxWorkerIdLength));
  }
  if (joined->slots < 1 || joined->slots > kMaxSlots) {
    return absl::InvalidArgumentError(absl::StrCat("slots: ", joined->slots, ", expected 1 .. ", kMaxSlots));
  }
  if (const auto f32 = joined->proofs.find(v1::F32);
      f32 != joined->proofs.end() && f32->second != options_.expected_f32_proof) {
    *refused = absl::StrCat("numeric class F32: the known-answer test gave ", f32->second, ", expected ",
                            options_.expected_f32_proof);
    joined->proofs.erase(f32);
  }
  if (!joined->proofs.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("worker ", joined->worker_id, " has no usable numeric class",
                                                    refused->empty() ? "" : ": ", *refused));
}

void Engine::On(const WorkerJoined& event) {
  if (Worker* old = workers_.Find(event.worker_id)) RemoveWorker(*old);
  Worker& worker = workers_.Add(event, now_);
  CountEligible(worker, +1);
  if (stopped_) Emit(DrainWorker{worker.worker_id});
  FillAll();
}

void Engine::On(const WorkerGone& event) {
  Worker* worker = workers_.Find(event.worker_id);
  if (worker == nullptr) return;
  RemoveWorker(*worker);
  FillAll();
}

void Engine::RemoveWorker(Worker& worker) {
  stats_.lost_leases += static_cast<int64_t>(worker.leases.size());
  GiveBackAll(worker);
  if (worker.available()) CountEligible(worker, -1);
  workers_.Remove(worker.worker_id);
}

void Engine::On(const WorkerDraining& event) {
  Worker* worker = Touch(event.worker_id);
  if (worker == nullptr || worker->draining) return;
  CountEligible(*worker, -1);
  worker->draining = true;
}

// A lease that the worker has not in hand two heartbeats running never reached it, or its result was lost. A lease that
// it has and we do not (given up, or of an earlier coordinator) is work for nothing.
void Engine::On(const Heartbeat& event) {
  Worker* worker = Touch(event.worker_id);
  if (worker == nullptr) return;
  const absl::flat_hash_set<int64_t> in_hand(event.lease_ids.begin(), event.lease_ids.end());
  std::vector<int64_t> missing;
  for (const int64_t lease_id : worker->leases) {
    Lease& lease = leases_.at(lease_id);
    lease.missed_heartbeats = in_hand.contains(lease_id) ? 0 : lease.missed_heartbeats + 1;
    if (lease.missed_heartbeats >= 2) missing.push_back(lease_id);
  }
  for (const int64_t lease_id : missing) GiveBack(lease_id);
  stats_.expired_leases += static_cast<int64_t>(missing.size());

  RevokeLeases unknown{worker->worker_id, {}};
  for (const int64_t lease_id : event.lease_ids) {
    if (!worker->leases.contains(lease_id)) unknown.lease_ids.push_back(lease_id);
  }
  if (!unknown.lease_ids.empty()) Emit(std::move(unknown));
  if (missing.empty()) {
    Fill(*worker);
  } else {
    FillAll();
  }
}

void Engine::On(const LeaseFailed& event) {
  Worker* worker = Touch(event.worker_id);
  if (worker == nullptr || !worker->leases.contains(event.lease_id)) return;
  Job& job = *leases_.at(event.lease_id).work->job;
  worker->RecordFailure(job.job_id, now_);
  job.last_lease_error = absl::StrCat("worker ", worker->worker_id, ": ", event.error);
  ++stats_.failed_leases;
  GiveBack(event.lease_id);
  FillAll();
}

void Engine::On(const Tick&) {
  for (auto& [worker_id, worker] : workers_.all()) {
    if (worker.lost || now_ - worker.last_seen <= options_.lease_ttl) continue;
    stats_.expired_leases += static_cast<int64_t>(worker.leases.size());
    if (worker.available()) CountEligible(worker, -1);
    worker.lost = true;
    GiveBackAll(worker);
  }
  for (const auto& [number, job] : active_) {
    job->unserved_since = job->eligible_workers > 0 ? absl::InfiniteFuture() : std::min(job->unserved_since, now_);
  }
  CloseEndedJobs();
  FillAll();
}

void Engine::CloseEndedJobs() {
  for (auto it = closing_.begin(); it != closing_.end();) {
    Job& job = MustFindJob(*it);
    if (now_ < job.close_at) {
      ++it;
      continue;
    }
    for (auto& [worker_id, worker] : workers_.all()) {
      worker.records.erase(job.job_id);
      if (worker.open_jobs.erase(job.job_id) > 0) Emit(CloseJob{worker_id, job.job_id});
    }
    it = closing_.erase(it);
  }
}

void Engine::On(const LeasingStopped&) {
  if (stopped_) return;
  stopped_ = true;
  for (const auto& [worker_id, worker] : workers_.all()) Emit(DrainWorker{worker_id});
}

Worker* Engine::Touch(const std::string& worker_id) {
  Worker* worker = workers_.Find(worker_id);
  if (worker == nullptr) return nullptr;
  worker->last_seen = now_;
  if (worker->lost) {
    worker->lost = false;
    if (worker->available()) CountEligible(*worker, +1);
  }
  return worker;
}

void Engine::CountEligible(const Worker& worker, int sign) {
  for (const auto& [number, job] : active_) {
    if (!CanServe(worker, *job)) continue;
    job->eligible_workers += sign;
    job->eligible_slots += sign * worker.slots;
    job->schedule.WorkersChanged();
  }
}

std::vector<std::string> Engine::WorkersWithJob(const std::string& job_id) const {
  std::vector<std::string> ids;
  for (const auto& [worker_id, worker] : workers_.all()) {
    if (worker.open_jobs.contains(job_id)) ids.push_back(worker_id);
  }
  return ids;
}

bool Engine::IsDraining(const std::string& worker_id) const {
  const auto worker = workers_.all().find(worker_id);
  return stopped_ || (worker != workers_.all().end() && worker->second.draining);
}

const Job* Engine::FindJob(const std::string& job_id) const {
  const auto job = jobs_.find(job_id);
  return job == jobs_.end() ? nullptr : &job->second;
}

std::string Engine::Note(const std::string& job_id, absl::Time now) const {
  const Job* job = FindJob(job_id);
  if (job == nullptr || job->state != v1::RUNNING || job->committing) return "";
  return WhyWaiting(*job, now);
}

std::string Engine::EvaluationNote(const std::string& job_id, absl::Time now) const {
  const Job* job = FindJob(job_id);
  return job == nullptr ? "" : WhyWaiting(*job, now);
}

std::string Engine::WhyWaiting(const Job& job, absl::Time now) const {
  bool any_class = false, any_task = false, all_fail = true;
  for (const auto& [worker_id, worker] : workers_.all()) {
    if (!worker.available()) continue;
    const bool has_task = worker.tasks.contains(job.plan.task);
    any_task |= has_task;
    any_class |= has_task && worker.proofs.contains(job.plan.numeric_class);
    if (CanServe(worker, job)) all_fail &= worker.InBackoff(job.job_id, now);
  }
  if (job.eligible_workers > 0) return all_fail ? absl::StrCat("waiting: ", job.last_lease_error) : "";
  if (now - job.unserved_since < options_.note_patience) return "";  // also where it is infinite
  const std::string class_name = v1::NumericClass_Name(job.plan.numeric_class);
  if (any_class)
    return absl::StrCat("waiting: every worker of class ", class_name, " computes other bits than the first");
  if (any_task) return absl::StrCat("waiting: no worker of class ", class_name);
  return workers_.all().empty() ? "waiting: no worker" : absl::StrCat("waiting: no worker has task ", job.plan.task);
}

void Engine::CheckInvariants() const {
  size_t leases = 0;
  for (const auto& [worker_id, worker] : workers_.all()) {
    SEEDCAST_CHECK(worker.leases.size() <= worker.lease_limit(), "too many leases on a worker");
    leases += worker.leases.size();
    for (const int64_t lease_id : worker.leases) {
      const Lease& lease = leases_.at(lease_id);
      SEEDCAST_CHECK(lease.worker == &worker, "a lease has one worker");
      const std::vector<Work*> open = lease.work->job->OpenWork();
      const bool paused = lease.work->job->state == v1::PAUSED;
      SEEDCAST_CHECK(paused || std::find(open.begin(), open.end(), lease.work) != open.end(), "a lease of closed work");
    }
  }
  SEEDCAST_CHECK(leases == leases_.size(), "a lease without a worker");
  for (const auto& [number, job] : active_) {
    int64_t slots = 0;
    for (const auto& [worker_id, worker] : workers_.all()) {
      if (worker.available() && CanServe(worker, *job)) slots += worker.slots;
    }
    SEEDCAST_CHECK(slots == job->eligible_slots, "eligible slots are counted as workers come and go");
  }
}

}  // namespace seedcast::engine
