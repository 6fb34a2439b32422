#include "worker/runtime/worker_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/noise/noise.h"
#include "common/spec/resolve.h"

namespace seedcast {
namespace {

constexpr absl::Duration kMinHeartbeat = absl::Milliseconds(10);
constexpr absl::Duration kDefaultHeartbeat = absl::Seconds(5);
constexpr absl::Duration kKeepUnopenedJobs = absl::Seconds(60);  // after Welcome
constexpr absl::Duration kOfflineReminder = absl::Minutes(1);
constexpr uint32_t kJitterStream = 1;

// Another attempt with the same Hello would end the same way.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

// Empty when the spec is resolved: only then are its numbers in the ranges that we compute with. Specs of jobs older
// than a field lack it, and are canonical as they are.
std::string WhatIsWrong(const v1::JobSpec& spec) {
  const absl::StatusOr<v1::JobSpec> resolved = Resolve(spec);
  if (!resolved.ok()) return absl::StrCat("the job's spec is refused: ", resolved.status().message());
  if (CanonicalBytes(*resolved) == CanonicalBytes(spec)) return "";
  return "the job's spec is not resolved as this worker's build does it";
}

}  // namespace

WorkerCore::Job::Job(std::string job_id, int64_t job_number, const v1::JobSpec& resolved, v1::WorkerStats* stats)
    : id(job_id),
      number(job_number),
      refusal(WhatIsWrong(resolved)),
      spec(std::make_shared<const v1::JobSpec>(resolved)),
      cache(std::move(job_id), spec, stats) {}

WorkerCore::WorkerCore(WorkerCoreOptions options)
    : options_(std::move(options)),
      jitter_(options_.jitter_seed, kJitterStream, 0, static_cast<uint32_t>(NoiseDomain::kTask)),
      inner_states_(std::make_unique<InnerStates>(options_.inner_state_bytes)),
      slots_(options_.hello.slots()) {}

std::vector<WorkerAction> WorkerCore::Handle(WorkerEvent event, absl::Time now) {
  if (phase_ == Phase::kExited) return {};
  now_ = now;
  std::visit([this](auto&& e) { On(std::forward<decltype(e)>(e)); }, std::move(event));
  if (phase_ == Phase::kOnline) Schedule();
  if (phase_ == Phase::kOnline) LeaveWhenIdle();
  return std::exchange(actions_, {});
}

v1::WorkerStats WorkerCore::stats() const {
  v1::WorkerStats stats = stats_;
  const InnerStates::Stats inner = inner_states_->stats();
  stats.set_rebuilt_states(inner.rebuilt_states);
  stats.set_rebuilt_generations(inner.rebuilt_generations);
  stats.set_inner_state_bytes(inner.bytes);
  return stats;
}

WorkerFigures WorkerCore::figures() const {
  WorkerFigures figures = counted_;
  figures.connected = online();
  figures.slots = static_cast<int>(slots_.size());
  figures.busy_slots = BusySlots();
  figures.stats = stats();
  return figures;
}

absl::Time WorkerCore::next_tick() const {
  if (phase_ == Phase::kIdle || phase_ == Phase::kExited) return absl::InfiniteFuture();
  return phase_ == Phase::kOnline ? std::min(next_heartbeat_, forget_at_) : deadline_;
}

// ---- The connection.

void WorkerCore::On(event::Start) { Connect(); }

void WorkerCore::Connect() {
  phase_ = Phase::kConnecting;
  deadline_ = now_ + options_.welcome_timeout;
  peer_draining_ = false;
  actions_.push_back(action::Connect{options_.hello});
}

void WorkerCore::On(event::Received event) {
  using Kind = v1::CoordinatorMessage::MessageCase;
  const v1::CoordinatorMessage& message = event.message;
  const bool expected = message.has_welcome() ? phase_ == Phase::kConnecting : phase_ == Phase::kOnline;
  if (!expected) return;
  switch (message.message_case()) {
    case Kind::kWelcome:
      return OnMessage(message.welcome());
    case Kind::kJobOpened:
      return OnMessage(message.job_opened());
    case Kind::kLease:
      return OnMessage(message.lease());
    case Kind::kGenerationClosed:
      return OnMessage(message.generation_closed());
    case Kind::kRevoke:
      return OnMessage(message.revoke());
    case Kind::kJobClosed:
      return OnMessage(message.job_closed());
    case Kind::kDrain:
      return OnMessage(message.drain());
    case Kind::MESSAGE_NOT_SET:
      return;  // of a newer coordinator with the same protocol version: meant to be ignored
  }
}

void WorkerCore::OnMessage(const v1::Welcome& welcome) {
  phase_ = Phase::kOnline;
  failed_connects_ = 0;
  offline_reason_.clear();
  ++counted_.connects;
  const absl::Duration asked = absl::Milliseconds(welcome.heartbeat_ms());
  heartbeat_ = asked > absl::ZeroDuration() ? std::max(asked, kMinHeartbeat) : kDefaultHeartbeat;
  next_heartbeat_ = now_ + heartbeat_;
  forget_at_ = jobs_.empty() ? absl::InfiniteFuture() : now_ + kKeepUnopenedJobs;
  LogInfo("connected", {{"worker", options_.hello.worker_id()}, {"coordinator_build", welcome.build()}});
}

void WorkerCore::On(event::Closed event) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kWaiting) return;
  queue_.clear();  // they are pending again at the coordinator
  for (Slot& slot : slots_) slot.lease.set_lease_id(0);
  for (auto& [id, job] : jobs_) job->open = false;
  if (draining_) return Exit(absl::OkStatus());
  const bool refused = phase_ == Phase::kConnecting && IsRefusal(event.status);
  // Another worker with our id has taken our place; to take it back would only start a quarrel.
  if (refused || absl::IsAlreadyExists(event.status)) return Exit(event.status);
  WaitToReconnect(event.status);
}

void WorkerCore::WaitToReconnect(const absl::Status& status) {
  SayWhyOffline(status.ok() ? "the coordinator ended the stream" : std::string(status.message()));
  const absl::Duration backoff =
      std::min(options_.max_backoff, options_.min_backoff * (1 << std::min(failed_connects_, 20)));
  ++failed_connects_;
  phase_ = Phase::kWaiting;
  deadline_ = now_ + backoff * (0.5 + 0.5 * jitter_.Uniform());
}

// Each new reason, and once in a while that it is still the same.
void WorkerCore::SayWhyOffline(const std::string& reason) {
  if (reason == offline_reason_ && now_ < next_reminder_) return;
  offline_reason_ = reason;
  next_reminder_ = now_ + kOfflineReminder;
  const char* what = phase_ == Phase::kConnecting ? "cannot connect, retrying" : "disconnected, reconnecting";
  LogWarning(what, {{"worker", options_.hello.worker_id()}, {"reason", reason}});
}

void WorkerCore::On(event::Tick event) {
  for (size_t i = 0; i < std::min(event.done.size(), slots_.size()); ++i) slots_[i].done = event.done[i];
  if (phase_ == Phase::kOnline) {
    if (now_ >= next_heartbeat_) SendHeartbeat();
    if (now_ >= forget_at_) ForgetUnopenedJobs();
    return;
  }
  if (now_ < deadline_ || phase_ == Phase::kIdle) return;
  if (phase_ == Phase::kWaiting) return Connect();
  if (phase_ == Phase::kLeaving && draining_) return Exit(absl::OkStatus());
  deadline_ = absl::InfiniteFuture();  // Closed follows
  actions_.push_back(action::Disconnect{});
  actions_.push_back(action::Disconnect{});  // again: without waiting for the peer
}

void WorkerCore::SendHeartbeat() {
  next_heartbeat_ = now_ + heartbeat_;
  v1::WorkerMessage message;
  v1::Heartbeat* heartbeat = message.mutable_heartbeat();
  for (const Slot& slot : slots_) {
    if (!slot.busy || slot.cancelled || slot.lease.lease_id() == 0) continue;
    v1::LeaseProgress* progress = heartbeat->add_leases();
    progress->set_lease_id(slot.lease.lease_id());
    progress->set_done(slot.done);
  }
  for (const v1::Lease& lease : queue_) heartbeat->add_leases()->set_lease_id(lease.lease_id());
  *heartbeat->mutable_stats() = stats();
  Send(std::move(message));
}

void WorkerCore::Send(v1::WorkerMessage message) { actions_.push_back(action::Send{std::move(message)}); }

void WorkerCore::Exit(absl::Status status) {
  phase_ = Phase::kExited;
  actions_.push_back(action::Exit{std::move(status)});
}

// ---- Draining.

void WorkerCore::On(event::DrainRequested) {
  if (draining_) return Exit(absl::CancelledError("stopped before the leases in hand were done"));
  draining_ = true;
  LogInfo("draining", {{"worker", options_.hello.worker_id()}, {"busy_slots", absl::StrCat(BusySlots())}});
  switch (phase_) {
    case Phase::kOnline: {
      v1::WorkerMessage message;
      message.mutable_draining();
      Send(std::move(message));
      return FailQueued("the worker is draining");
    }
    case Phase::kConnecting:
      phase_ = Phase::kLeaving;
      deadline_ = now_ + options_.goodbye_timeout;
      actions_.push_back(action::Disconnect{});
      return;
    case Phase::kLeaving:
      return;
    default:  // without a stream there is nobody to hand results to
      return Exit(absl::OkStatus());
  }
}

void WorkerCore::OnMessage(const v1::Drain&) {
  peer_draining_ = true;
  FailQueued("the coordinator is draining");
}

void WorkerCore::LeaveWhenIdle() {
  if ((!draining_ && !peer_draining_) || BusySlots() > 0) return;
  phase_ = Phase::kLeaving;
  deadline_ = now_ + options_.goodbye_timeout;
  v1::WorkerMessage message;
  message.mutable_goodbye();
  Send(std::move(message));
  actions_.push_back(action::Disconnect{});
}

}  // namespace seedcast
