// WorkerCore, second half: what becomes of a lease, and of the tasks and parameters it needs.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/strategy/estimator.h"
#include "worker/runtime/worker_core.h"

namespace seedcast {
namespace {

bool SameUnit(const v1::Lease& a, const v1::Lease& b) {
  if (a.job_id() != b.job_id() || a.version() != b.version() || a.unit_case() != b.unit_case()) return false;
  if (a.has_pairs()) {
    return a.pairs().cluster() == b.pairs().cluster() && a.pairs().first_pair() == b.pairs().first_pair() &&
           a.pairs().count() == b.pairs().count();
  }
  return a.episodes().evaluation_id() == b.episodes().evaluation_id() &&
         a.episodes().first_episode() == b.episodes().first_episode() && a.episodes().count() == b.episodes().count();
}

// Empty when the lease makes sense.
std::string WhatIsWrong(const v1::Lease& lease, const v1::JobSpec& spec) {
  if (lease.version() < 0) return absl::StrCat("lease of version ", lease.version());
  if (lease.has_episodes()) {
    const v1::EpisodeRange& range = lease.episodes();
    const bool fits = range.first_episode() >= 0 && range.count() >= 1;
    return fits ? "" : absl::StrCat("lease of ", range.count(), " episodes from ", range.first_episode());
  }
  if (!lease.has_pairs()) return "lease of neither pairs nor episodes";
  const v1::PairRange& range = lease.pairs();
  if (range.cluster() < 0 || range.cluster() >= ClusterCount(spec)) {
    return absl::StrCat("lease of cluster ", range.cluster(), ", the job has ", ClusterCount(spec));
  }
  const int64_t pairs = spec.strategy().population_size() / 2;
  const bool fits = range.first_pair() >= 0 && range.count() >= 1 && range.first_pair() <= pairs - range.count();
  return fits ? ""
              : absl::StrCat("lease of ", range.count(), " pairs from ", range.first_pair(), ", the job has ", pairs);
}

}  // namespace

// ---- Leases.

void WorkerCore::OnMessage(const v1::Lease& lease) {
  const bool known = std::any_of(queue_.begin(), queue_.end(),
                                 [&](const v1::Lease& queued) { return queued.lease_id() == lease.lease_id(); }) ||
                     std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
                       return slot.busy && slot.lease.lease_id() == lease.lease_id();
                     });
  if (known) return;
  const Job* job = FindJob(lease.job_id());
  if (job == nullptr || !job->open) return FailLease(lease, "lease of a job that was not opened");
  if (!job->refusal.empty()) return FailLease(lease, job->refusal);
  if (const std::string wrong = WhatIsWrong(lease, *job->spec); !wrong.empty()) return FailLease(lease, wrong);
  if (draining_ || peer_draining_) return FailLease(lease, "the worker is draining");
  if (!Adopt(lease)) queue_.push_back(lease);
}

// The coordinator may give us again what we still work on since an earlier stream.
bool WorkerCore::Adopt(const v1::Lease& lease) {
  for (Slot& slot : slots_) {
    if (!slot.busy || slot.cancelled || slot.lease.lease_id() != 0 || !SameUnit(slot.lease, lease)) continue;
    slot.lease.set_lease_id(lease.lease_id());
    return true;
  }
  return false;
}

void WorkerCore::Schedule() {
  std::erase_if(queue_, [this](const v1::Lease& lease) { return Place(lease); });
  for (auto& [id, job] : jobs_) {
    BringMissing(*job);
    Advance(*job);
  }
}

bool WorkerCore::Place(const v1::Lease& lease) {
  Job& job = *jobs_.at(lease.job_id());
  if (!job.task) {
    RequestTask(job);
    return false;
  }
  const ParameterCache::Held* held = job.cache.Find(lease.version());
  const bool matches = held != nullptr && held->digest == lease.digest();
  if (matches) {
    if (lease.has_pairs() && CarriesState(*job.spec) && held->history == nullptr) {
      FailLease(lease, absl::StrCat("generation ", lease.version(), " is closed: this worker is at version ",
                                    job.cache.tip_version()));
      return true;
    }
    if (BusySlots() == static_cast<int>(slots_.size())) return false;
    Run(lease, job, *held);
    return true;
  }
  if (held != nullptr && held->refetched) {
    const std::string why = absl::StrCat("version ", lease.version(), " has digest ", held->digest,
                                         " here, also from a snapshot; the lease says ", lease.digest());
    LogWarning("cannot work on job", {{"job", job.id}, {"reason", why}});
    FailLease(lease, why);
    return true;
  }
  return false;
}

// Not while the queue is walked: a version that cannot be had takes all of its leases out of it.
void WorkerCore::BringMissing(Job& job) {
  if (!job.task || job.cache.building()) return;
  for (const v1::Lease& lease : queue_) {
    if (lease.job_id() != job.id) continue;
    const ParameterCache::Held* held = job.cache.Find(lease.version());
    if (held != nullptr && held->digest == lease.digest()) continue;  // waits for a slot
    const int64_t version = lease.version();
    return Continue(job, version, job.cache.Bring(version, /*refetch=*/held != nullptr, now_));
  }
}

void WorkerCore::Run(const v1::Lease& lease, const Job& job, const ParameterCache::Held& held) {
  const auto slot = std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.busy; });
  *slot = Slot{.busy = true, .lease = lease, .job = job.number, .state = held.state.get()};
  LeaseWork work{lease, job.spec, job.task, held.state, held.history, inner_states_.get(), job.number};
  actions_.push_back(action::RunLease{static_cast<int>(slot - slots_.begin()), std::move(work)});
}

void WorkerCore::On(event::SlotDone event) {
  const Slot slot = std::exchange(slots_.at(event.slot), Slot{});
  if (!Knows(slot.job)) inner_states_->Forget(slot.job);  // what it still put there
  stats_.set_state_bytes_per_slot(std::max(stats_.state_bytes_per_slot(), event.slot_bytes));
  if (slot.cancelled || !event.complete) {
    ++counted_.cancelled_leases;
    return;
  }
  ++counted_.done_leases;
  counted_.evaluation.Observe(event.result.seconds());
  if (event.result.has_pairs()) counted_.evaluations += event.result.fitness_size();
  event.result.set_lease_id(slot.lease.lease_id());
  Deliver(std::move(event.result));
}

// Results are sent only while their job is open: by its id alone, the coordinator could take them for another job's.
void WorkerCore::Deliver(v1::LeaseResult result) {
  const Job* job = FindJob(result.job_id());
  if (job == nullptr) return;
  if (phase_ != Phase::kOnline || !job->open) {
    unsent_.push_back(std::move(result));
    return;
  }
  v1::WorkerMessage message;
  *message.mutable_result() = std::move(result);
  Send(std::move(message));
}

void WorkerCore::DropUnsent(const std::string& job_id) {
  std::erase_if(unsent_, [&](const v1::LeaseResult& result) { return result.job_id() == job_id; });
}

void WorkerCore::FailLease(const v1::Lease& lease, absl::string_view why) {
  ++counted_.failed_leases;
  v1::WorkerMessage message;
  v1::LeaseFailed* failed = message.mutable_lease_failed();
  failed->set_lease_id(lease.lease_id());
  failed->set_job_id(lease.job_id());
  failed->set_error(std::string(why));
  Send(std::move(message));
}

void WorkerCore::FailQueued(absl::string_view why) {
  for (const v1::Lease& lease : queue_) FailLease(lease, why);
  queue_.clear();
}

template <typename Predicate>
void WorkerCore::Withdraw(Predicate matches) {
  std::erase_if(queue_, matches);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].busy || slots_[i].cancelled || !matches(slots_[i].lease)) continue;
    slots_[i].cancelled = true;
    actions_.push_back(action::CancelLease{static_cast<int>(i)});
  }
}

void WorkerCore::OnMessage(const v1::Revoke& revoke) {
  Withdraw([&](const v1::Lease& lease) {
    return lease.lease_id() != 0 &&
           std::find(revoke.lease_id().begin(), revoke.lease_id().end(), lease.lease_id()) != revoke.lease_id().end();
  });
}

// ---- Jobs: tasks and parameters.

void WorkerCore::OnMessage(const v1::JobOpened& opened) {
  Job* known = FindJob(opened.job_id());
  if (known != nullptr && known->spec->SerializeAsString() == opened.spec().SerializeAsString()) {
    known->open = true;
    for (v1::LeaseResult& result : std::exchange(unsent_, {})) Deliver(std::move(result));
    return;
  }
  if (known != nullptr) {  // the id of another job, in another store
    Withdraw([&](const v1::Lease& lease) { return lease.job_id() == opened.job_id(); });
    DropUnsent(opened.job_id());
    inner_states_->Forget(known->number);
  }
  auto job = std::make_unique<Job>(opened.job_id(), ++last_job_, opened.spec(), &stats_);
  if (!job->refusal.empty()) LogWarning("cannot work on job", {{"job", job->id}, {"reason", job->refusal}});
  jobs_[opened.job_id()] = std::move(job);
}

void WorkerCore::OnMessage(const v1::JobClosed& closed) {
  Withdraw([&](const v1::Lease& lease) { return lease.job_id() == closed.job_id(); });
  DropUnsent(closed.job_id());
  if (const Job* job = FindJob(closed.job_id())) inner_states_->Forget(job->number);
  jobs_.erase(closed.job_id());
}

void WorkerCore::OnMessage(const v1::GenerationClosed& closed) {
  Withdraw([&](const v1::Lease& lease) {
    return lease.job_id() == closed.job_id() && lease.has_pairs() && lease.version() <= closed.generation();
  });
  if (Job* job = FindJob(closed.job_id())) {
    job->cache.OnGenerationClosed(closed.generation(), OutcomeValuesOf(closed));
  }
}

void WorkerCore::ForgetUnopenedJobs() {
  forget_at_ = absl::InfiniteFuture();
  std::erase_if(jobs_, [this](const auto& entry) {
    if (entry.second->open) return false;
    DropUnsent(entry.first);
    inner_states_->Forget(entry.second->number);
    return true;
  });
}

bool WorkerCore::Knows(int64_t number) const {
  return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) { return entry.second->number == number; });
}

void WorkerCore::RequestTask(Job& job) {
  if (job.task_request != 0) return;
  const std::string& digest = job.spec->proto_net().dataset_digest();
  if (digest.empty()) return MakeTask(job);
  job.task_request = ++last_request_;
  actions_.push_back(action::FetchArtifact{job.task_request, digest});
}

void WorkerCore::MakeTask(Job& job) {
  job.task_request = ++last_request_;
  actions_.push_back(action::MakeTask{job.task_request, job.spec});
}

void WorkerCore::On(event::ArtifactFetched event) {
  Job* job = TakeRequest(&Job::task_request, event.id);
  if (job == nullptr) return;
  if (!event.status.ok()) return FailVersion(*job, std::nullopt, event.status);
  if (!event.was_here) stats_.set_fetched_artifacts(stats_.fetched_artifacts() + 1);
  MakeTask(*job);
}

void WorkerCore::On(event::TaskMade event) {
  Job* job = TakeRequest(&Job::task_request, event.id);
  if (job == nullptr) return;
  if (!event.task.ok()) return FailVersion(*job, std::nullopt, event.task.status());
  job->task = *std::move(event.task);
  job->cache.SetTask(job->task);
}

void WorkerCore::On(event::LogFetched event) {
  Job* job = TakeRequest(&Job::build_request, event.id);
  if (job == nullptr) return;
  const int64_t target = job->cache.target();
  Continue(*job, target, job->cache.OnLog(std::move(event.records), now_));
}

void WorkerCore::On(event::SnapshotFetched event) {
  Job* job = TakeRequest(&Job::build_request, event.id);
  if (job == nullptr) return;
  const int64_t target = job->cache.target();
  Continue(*job, target, job->cache.OnSnapshot(std::move(event.bytes), now_));
}

void WorkerCore::On(event::StateBuilt event) {
  Job* job = TakeRequest(&Job::build_request, event.id);
  if (job == nullptr) return;
  const int64_t target = job->cache.target();
  Continue(*job, target, job->cache.OnBuilt(std::move(event.built), now_));
}

// Goes on to the next version as soon as its scalars are here, unless somebody still waits for this one.
void WorkerCore::Advance(Job& job) {
  if (!job.cache.CanAdvance()) return;
  const int64_t tip = job.cache.tip_version();
  const bool wanted = std::any_of(queue_.begin(), queue_.end(), [&](const v1::Lease& lease) {
    return lease.job_id() == job.id && lease.version() == tip;
  });
  if (wanted) return;
  Continue(job, tip + 1, job.cache.Advance(now_));
}

void WorkerCore::Continue(Job& job, int64_t target, ParameterCache::Next next) {
  if (!next.ok()) return FailVersion(job, target, next.status());
  if (next->has_value()) Emit(job, **std::move(next));
}

// Hands back the job's leases of a version (of all versions when its task could not be made). The coordinator lets some
// time pass before it tries again.
void WorkerCore::FailVersion(Job& job, std::optional<int64_t> version, const absl::Status& status) {
  LogWarning("cannot work on job", {{"job", job.id}, {"reason", std::string(status.message())}});
  std::erase_if(queue_, [&](const v1::Lease& lease) {
    if (lease.job_id() != job.id || lease.version() != version.value_or(lease.version())) return false;
    FailLease(lease, status.message());
    return true;
  });
}

void WorkerCore::Emit(Job& job, WorkerAction action) {
  job.build_request = ++last_request_;
  if (auto* build = std::get_if<action::BuildState>(&action)) {
    build->id = job.build_request;
    build->in_place = !InUse(build->base.get());
    build->threads = std::max(1, static_cast<int>(slots_.size()) - BusySlots());
  } else if (auto* log = std::get_if<action::FetchLog>(&action)) {
    log->id = job.build_request;
  } else {
    std::get<action::FetchSnapshot>(action).id = job.build_request;
  }
  actions_.push_back(std::move(action));
}

WorkerCore::Job* WorkerCore::FindJob(const std::string& job_id) {
  const auto it = jobs_.find(job_id);
  return it == jobs_.end() ? nullptr : it->second.get();
}

// The job that waits for the answer `id`, which it does no longer; null when none does.
template <typename Field>
WorkerCore::Job* WorkerCore::TakeRequest(Field field, int64_t id) {
  for (auto& [job_id, job] : jobs_) {
    if ((*job).*field != id) continue;
    (*job).*field = 0;
    return job.get();
  }
  return nullptr;
}

int WorkerCore::BusySlots() const {
  return static_cast<int>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.busy; }));
}

bool WorkerCore::InUse(const State* state) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.busy && slot.state == state; });
}

}  // namespace seedcast
