#include "coordinator/coordinator.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/coordinator_impl.h"

namespace seedcast {
namespace {

engine::WorkerJoined JoinedFrom(const v1::Hello& hello) {
  engine::WorkerJoined joined{hello.worker_id(), hello.slots(), {}, {hello.tasks().begin(), hello.tasks().end()}};
  for (const v1::ClassProof& proof : hello.proofs()) {
    std::string& digest = joined.proofs[proof.numeric_class()];
    if (digest.empty()) {
      digest = proof.digest();
    } else if (digest != proof.digest()) {  // its kernels disagree among themselves: equal to no other worker
      absl::StrAppend(&digest, "/", proof.digest());
    }
  }
  return joined;
}

}  // namespace

absl::Status Coordinator::Impl::OnHello(const v1::Hello& hello, absl::Time now) {
  if (hello.protocol_version() != kProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("protocol version ", hello.protocol_version(), " of worker ",
                                                      hello.worker_id(), " (build ", hello.build(), "), expected ",
                                                      kProtocolVersion, " (build ", options_.build, ")"));
  }
  engine::WorkerJoined joined = JoinedFrom(hello);
  std::string refused;
  RETURN_IF_ERROR(engine_->CheckWorker(&joined, &refused));
  if (!refused.empty()) {
    LogWarning("a worker's bits are not used", {{"worker", hello.worker_id()}, {"reason", refused}});
  }
  v1::CoordinatorMessage message;
  v1::Welcome& welcome = *message.mutable_welcome();
  // Often enough that one which is late or lost costs no lease.
  const absl::Duration heartbeat = std::min(options_.heartbeat, options_.lease_ttl / 3);
  welcome.set_heartbeat_ms(static_cast<int32_t>(absl::ToInt64Milliseconds(heartbeat)));
  welcome.set_lease_ttl_ms(static_cast<int32_t>(absl::ToInt64Milliseconds(options_.lease_ttl)));
  welcome.set_build(options_.build);
  links_.Send(hello.worker_id(), message);
  LogInfo("worker joined", {{"worker", hello.worker_id()},
                            {"slots", absl::StrCat(hello.slots())},
                            {"tasks", absl::StrJoin(hello.tasks(), ",")}});
  Handle(std::move(joined), now);
  return absl::OkStatus();
}

void Coordinator::Impl::OnMessage(const std::string& worker_id, const v1::WorkerMessage& message, absl::Time now) {
  switch (message.message_case()) {
    case v1::WorkerMessage::kResult:
      return Handle(engine::ResultArrived{worker_id, &message.result()}, now);
    case v1::WorkerMessage::kLeaseFailed: {
      const v1::LeaseFailed& failed = message.lease_failed();
      const bool expected = engine_->IsDraining(worker_id);  // a lease crossed its Draining on the way
      (expected ? LogInfo : LogWarning)("lease failed",
                                        {{"worker", worker_id}, {"job", failed.job_id()}, {"error", failed.error()}});
      return Handle(engine::LeaseFailed{worker_id, failed.lease_id(), failed.error()}, now);
    }
    case v1::WorkerMessage::kHeartbeat: {
      engine::Heartbeat heartbeat{worker_id, {}};
      for (const v1::LeaseProgress& lease : message.heartbeat().leases()) {
        heartbeat.lease_ids.push_back(lease.lease_id());
      }
      return Handle(std::move(heartbeat), now);
    }
    case v1::WorkerMessage::kDraining:
      return Handle(engine::WorkerDraining{worker_id}, now);
    case v1::WorkerMessage::kGoodbye:
      return Handle(engine::WorkerGone{worker_id}, now);
    case v1::WorkerMessage::kHello:
      links_.Close(worker_id, absl::InvalidArgumentError("Hello a second time on one stream"));
      return Handle(engine::WorkerGone{worker_id}, now);
    case v1::WorkerMessage::MESSAGE_NOT_SET:
      return;  // of a newer worker, perhaps
  }
}

// Actions may lead to further events (a commit opens the next generation): these wait in the inbox, so that neither the
// engine nor a watcher is entered twice.
void Coordinator::Impl::Handle(const engine::Event& event, absl::Time now) {
  if (handling_) {
    inbox_.push_back(event);
    return;
  }
  now_ = now;
  handling_ = true;
  const auto run = [this](const engine::Event& next) {
    for (const engine::Action& action : engine_->Handle(next, now_)) {
      std::visit([this](const auto& a) { Do(a); }, action);
    }
  };
  run(event);
  while (!inbox_.empty()) {
    const std::vector<engine::Event> events = std::exchange(inbox_, {});
    for (const engine::Event& next : events) run(next);
  }
  handling_ = false;
}

void Coordinator::Impl::OnTick(absl::Time now) {
  Handle(engine::Tick{}, now);
  RetryStore();
  NotifyChangedNotes();
  NotifyWaitingEvaluations();
}

void Coordinator::Impl::Do(const engine::OpenJob& action) {
  v1::CoordinatorMessage message;
  message.mutable_job_opened()->set_job_id(action.job_id);
  *message.mutable_job_opened()->mutable_spec() = jobs_.at(action.job_id).row.spec;
  links_.Send(action.worker_id, message);
}

void Coordinator::Impl::Do(const engine::CloseJob& action) {
  v1::CoordinatorMessage message;
  message.mutable_job_closed()->set_job_id(action.job_id);
  links_.Send(action.worker_id, message);
}

void Coordinator::Impl::Do(const engine::GrantLease& action) {
  v1::CoordinatorMessage message;
  v1::Lease& lease = *message.mutable_lease();
  lease.set_lease_id(action.lease_id);
  lease.set_job_id(action.job_id);
  lease.set_version(action.version);
  lease.set_digest(action.digest);
  if (action.evaluation_id) {
    v1::EpisodeRange& episodes = *lease.mutable_episodes();
    episodes.set_evaluation_id(*action.evaluation_id);
    *episodes.mutable_spec() = action.spec;
    episodes.set_first_episode(static_cast<int32_t>(action.units.first));
    episodes.set_count(static_cast<int32_t>(action.units.count));
  } else {
    lease.mutable_pairs()->set_first_pair(action.units.first);
    lease.mutable_pairs()->set_count(static_cast<int32_t>(action.units.count));
    lease.mutable_pairs()->set_cluster(action.cluster);
  }
  links_.Send(action.worker_id, message);
}

void Coordinator::Impl::Do(const engine::RevokeLeases& action) {
  v1::CoordinatorMessage message;
  message.mutable_revoke()->mutable_lease_id()->Add(action.lease_ids.begin(), action.lease_ids.end());
  links_.Send(action.worker_id, message);
}

void Coordinator::Impl::Do(const engine::DrainWorker& action) {
  v1::CoordinatorMessage message;
  message.mutable_drain();
  links_.Send(action.worker_id, message);
}

// ---- The public face.

Coordinator::Coordinator(CoordinatorOptions options, Store* store, WorkerLinks* links)
    : impl_(std::make_unique<Impl>(std::move(options), store, links)) {}
Coordinator::~Coordinator() = default;

absl::Status Coordinator::Recover(absl::Time now) { return impl_->Recover(now); }
absl::Status Coordinator::OnHello(const v1::Hello& hello, absl::Time now) { return impl_->OnHello(hello, now); }
void Coordinator::OnMessage(const std::string& worker_id, const v1::WorkerMessage& message, absl::Time now) {
  impl_->OnMessage(worker_id, message, now);
}
void Coordinator::OnWorkerGone(const std::string& worker_id, absl::Time now) {
  LogInfo("worker gone", {{"worker", worker_id}});
  impl_->Handle(engine::WorkerGone{worker_id}, now);
}
void Coordinator::OnTick(absl::Time now) { impl_->OnTick(now); }
void Coordinator::StopLeasing(absl::Time now) {
  impl_->Handle(engine::LeasingStopped{}, now);
  impl_->SaveSnapshots();
}
absl::StatusOr<v1::JobStatus> Coordinator::Submit(const v1::SubmitJobRequest& request, absl::Time now) {
  return impl_->Submit(request, now);
}
absl::StatusOr<v1::JobStatus> Coordinator::Fork(const v1::ForkJobRequest& request, absl::Time now) {
  return impl_->Fork(request, now);
}
absl::StatusOr<v1::JobStatus> Coordinator::Get(const std::string& job_id, absl::Time now) const {
  return impl_->Get(job_id, now);
}
v1::ListJobsResponse Coordinator::List(absl::Time now) const { return impl_->List(now); }
absl::StatusOr<v1::GetHistoryResponse> Coordinator::History(const v1::GetHistoryRequest& request) const {
  return impl_->History(request);
}
absl::StatusOr<std::vector<v1::GenerationMetrics>> Coordinator::Metrics(const std::string& job_id,
                                                                        const std::vector<int64_t>& generations) const {
  return impl_->Metrics(job_id, generations);
}
absl::StatusOr<v1::JobStatus> Coordinator::Pause(const std::string& job_id, absl::Time now) {
  return impl_->Pause(job_id, now);
}
absl::StatusOr<v1::JobStatus> Coordinator::Resume(const std::string& job_id, absl::Time now) {
  return impl_->Resume(job_id, now);
}
absl::StatusOr<v1::JobStatus> Coordinator::Cancel(const std::string& job_id, absl::Time now) {
  return impl_->Cancel(job_id, now);
}
absl::StatusOr<int64_t> Coordinator::Watch(const std::string& job_id, StatusWatcher watcher, absl::Time now) {
  return impl_->Watch(job_id, std::move(watcher), now);
}
void Coordinator::Unwatch(int64_t watch_id) { impl_->Unwatch(watch_id); }
absl::StatusOr<int64_t> Coordinator::Evaluate(const v1::EvaluateJobRequest& request, EvaluationWatcher watcher,
                                              absl::Time now) {
  return impl_->Evaluate(request, std::move(watcher), now);
}
void Coordinator::CancelEvaluation(int64_t evaluation_id, absl::Time now) {
  impl_->CancelEvaluation(evaluation_id, now);
}
absl::StatusOr<std::vector<v1::GenerationRecord>> Coordinator::Log(const v1::GetLogRequest& request,
                                                                   int64_t limit) const {
  return impl_->Log(request, limit);
}
absl::StatusOr<Coordinator::SharedSnapshot> Coordinator::ReadSnapshot(const v1::GetSnapshotRequest& request) const {
  return impl_->ReadSnapshot(request);
}
CoordinatorFigures Coordinator::Figures() const { return impl_->Figures(); }
v1::WorkersView Coordinator::Workers(absl::Time now) const { return impl_->Workers(now); }
void Coordinator::CountBytes(const std::string& job_id, int64_t bytes) { impl_->CountBytes(job_id, bytes); }

}  // namespace seedcast
