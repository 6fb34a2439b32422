// The decisions of a worker, as a pure state machine: no thread, clock, socket or file inside. worker.h runs it with
// real ones, the simulation with pretended ones.
//
//   kIdle        Start                    -> kConnecting
//   kConnecting  Welcome                  -> kOnline
//                Closed, a refusal        -> kExited
//                Closed                   -> kWaiting
//                DrainRequested           -> kLeaving
//   kOnline      Closed, replaced         -> kExited
//                Closed                   -> kWaiting
//                draining, no slot busy   -> kLeaving
//   kLeaving     Closed                   -> kExited if we drain, kWaiting if the coordinator does
//   kWaiting     the backoff is over      -> kConnecting
//                DrainRequested           -> kExited
//   any          a second DrainRequested  -> kExited
//
// Leases queue until their job's task is made, their version of the parameters is here and a slot is free; each then
// runs on that slot to its end. A stream that breaks takes the queued leases with it; running ones go on, and their
// results are sent once the worker is back, for results are keyed by job, version and range.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/noise/philox.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/runtime/events.h"
#include "worker/runtime/figures.h"
#include "worker/runtime/inner_states.h"
#include "worker/runtime/parameter_cache.h"

namespace seedcast {

struct WorkerCoreOptions {
  v1::Hello hello;           // sent at every connect; hello.slots is the number of slots
  uint64_t jitter_seed = 1;  // of the reconnection backoff
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(10);
  absl::Duration welcome_timeout = absl::Seconds(20);  // from Connect to Welcome
  absl::Duration goodbye_timeout = absl::Seconds(5);   // from Goodbye to the stream's end
  int64_t inner_state_bytes = int64_t{1} << 30;        // of InnerStates; what it drops is unrolled again
};

class WorkerCore {
 public:
  explicit WorkerCore(WorkerCoreOptions options);

  // What is to be done about `event`, in this order. After an Exit every event is ignored.
  std::vector<WorkerAction> Handle(WorkerEvent event, absl::Time now);

  // When the next Tick is due; InfiniteFuture when none is.
  absl::Time next_tick() const;

  bool online() const { return phase_ == Phase::kOnline; }
  v1::WorkerStats stats() const;
  WorkerFigures figures() const;

 private:
  enum class Phase { kIdle, kConnecting, kOnline, kLeaving, kWaiting, kExited };

  struct Job {
    Job(std::string job_id, int64_t number, const v1::JobSpec& resolved, v1::WorkerStats* stats);
    std::string id;
    int64_t number;       // of InnerKey
    std::string refusal;  // why its leases are refused; empty: they are not
    std::shared_ptr<const v1::JobSpec> spec;
    std::shared_ptr<const Task> task;  // null until made
    ParameterCache cache;
    bool open = true;          // on this stream
    int64_t task_request = 0;  // id of the fetch or make under way, 0: none
    int64_t build_request = 0;
  };
  struct Slot {
    bool busy = false;
    bool cancelled = false;
    v1::Lease lease;  // lease_id 0: given on an earlier stream
    int64_t job = 0;  // Job::number
    const State* state = nullptr;
    int32_t done = 0;
  };

  void On(event::Start event);
  void On(event::Received event);
  void On(event::Closed event);
  void On(event::SlotDone event);
  void On(event::LogFetched event);
  void On(event::SnapshotFetched event);
  void On(event::ArtifactFetched event);
  void On(event::TaskMade event);
  void On(event::StateBuilt event);
  void On(event::Tick event);
  void On(event::DrainRequested event);

  void OnMessage(const v1::Welcome& welcome);
  void OnMessage(const v1::JobOpened& opened);
  void OnMessage(const v1::Lease& lease);
  void OnMessage(const v1::GenerationClosed& closed);
  void OnMessage(const v1::Revoke& revoke);
  void OnMessage(const v1::JobClosed& closed);
  void OnMessage(const v1::Drain& drain);

  // The connection.
  void Connect();
  void WaitToReconnect(const absl::Status& status);
  void SayWhyOffline(const std::string& reason);
  void SendHeartbeat();
  void Send(v1::WorkerMessage message);
  void Exit(absl::Status status);

  // Leases.
  void Schedule();
  bool Place(const v1::Lease& lease);  // true: it has left the queue
  bool Adopt(const v1::Lease& lease);
  void Run(const v1::Lease& lease, const Job& job, const ParameterCache::Held& held);
  void FailLease(const v1::Lease& lease, absl::string_view why);
  void FailQueued(absl::string_view why);
  void Deliver(v1::LeaseResult result);
  void DropUnsent(const std::string& job_id);
  // Takes back queued and running leases that `matches`, without an answer.
  template <typename Predicate>
  void Withdraw(Predicate matches);
  void LeaveWhenIdle();

  // Tasks and parameters.
  void RequestTask(Job& job);
  void MakeTask(Job& job);
  void BringMissing(Job& job);
  void Advance(Job& job);
  void Continue(Job& job, int64_t target, ParameterCache::Next next);
  void FailVersion(Job& job, std::optional<int64_t> version, const absl::Status& status);
  void Emit(Job& job, WorkerAction action);
  void ForgetUnopenedJobs();
  bool Knows(int64_t number) const;
  Job* FindJob(const std::string& job_id);
  template <typename Field>
  Job* TakeRequest(Field field, int64_t id);

  int BusySlots() const;
  bool InUse(const State* state) const;

  const WorkerCoreOptions options_;
  absl::Time now_;
  std::vector<WorkerAction> actions_;  // of the event being handled
  PhiloxStream jitter_;
  int64_t last_request_ = 0;
  int64_t last_job_ = 0;

  Phase phase_ = Phase::kIdle;
  absl::Time deadline_;         // of kConnecting, kLeaving and kWaiting
  int failed_connects_ = 0;     // in a row
  std::string offline_reason_;  // the one last said; empty: none since the last welcome
  absl::Time next_reminder_;
  bool draining_ = false;       // we were asked to go
  bool peer_draining_ = false;  // the coordinator goes
  absl::Duration heartbeat_;
  absl::Time next_heartbeat_;
  absl::Time forget_at_ = absl::InfiniteFuture();  // jobs that nobody opened again

  std::map<std::string, std::unique_ptr<Job>> jobs_;
  std::unique_ptr<InnerStates> inner_states_;  // the slots' as well
  std::deque<v1::Lease> queue_;
  std::vector<Slot> slots_;
  std::vector<v1::LeaseResult> unsent_;  // done while their job was not open on a stream
  v1::WorkerStats stats_;
  WorkerFigures counted_;  // since the start
};

}  // namespace seedcast
