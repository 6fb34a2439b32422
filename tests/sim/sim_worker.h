// A worker of the simulation: the real WorkerCore and the real lease evaluation; its slots, fetches and stream take
// virtual time. It may freeze, crash and start again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/random.h"
#include "worker/runtime/worker_core.h"

namespace seedcast::sim {

// The network as a worker sees it. Answers come as events, after a while, unless the worker is gone by then.
class Network {
 public:
  virtual ~Network() = default;
  virtual void Connect(class SimWorker& worker, const v1::Hello& hello) = 0;
  virtual void Disconnect(class SimWorker& worker) = 0;
  virtual void SendUp(class SimWorker& worker, const v1::WorkerMessage& message) = 0;
  virtual absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const v1::GetLogRequest& request) = 0;
  virtual absl::StatusOr<std::string> ReadSnapshot(const v1::GetSnapshotRequest& request) = 0;
};

class SimWorker {
 public:
  SimWorker(EventQueue* queue, Random* random, Network* network, std::string id, int slots);

  const std::string& id() const { return id_; }
  bool running() const { return core_ != nullptr; }
  int64_t rebuilt_generations() const;  // of all its lives

  void Start();
  void Crash();  // forgets everything; what it had under way never answers
  void Drain() { Post(event::DrainRequested{}); }
  void Freeze(absl::Duration duration) { frozen_until_ = queue_.now() + duration; }

  // An event for the process as it is now, after `delay`, or later if it is frozen then.
  void PostIn(absl::Duration delay, WorkerEvent event);
  void Post(WorkerEvent event) { PostIn(absl::ZeroDuration(), std::move(event)); }

 private:
  struct Slot {
    int64_t run = 0;  // number of the lease that runs on it
    LeaseControl control;
    LeaseEvaluator evaluator;
  };

  // Calls `body` after `delay`, or when the worker thaws, if it was not started anew meanwhile.
  void Later(absl::Duration delay, std::function<void()> body);
  void Handle(WorkerEvent event);
  void ScheduleTick();
  void FinishLease(int slot, int64_t run, LeaseWork work, double seconds);

  void Do(action::Connect action) { network_.Connect(*this, action.hello); }
  void Do(action::Disconnect) { network_.Disconnect(*this); }
  void Do(action::Send action) { network_.SendUp(*this, action.message); }
  void Do(action::RunLease action);
  void Do(action::CancelLease action);
  void Do(action::FetchLog action);
  void Do(action::FetchSnapshot action);
  void Do(action::FetchArtifact action) { Post(event::ArtifactFetched{action.id, absl::OkStatus()}); }
  void Do(action::MakeTask action);
  void Do(action::BuildState action);
  void Do(action::Exit action);

  EventQueue& queue_;
  Random& random_;
  Network& network_;
  const std::string id_;
  const int slot_count_;
  const double seconds_per_pair_;

  std::unique_ptr<WorkerCore> core_;
  std::vector<std::unique_ptr<Slot>> slots_;
  int64_t life_ = 0;
  int64_t rebuilt_before_ = 0;  // generations, in earlier lives
  int64_t runs_ = 0;
  absl::Time frozen_until_ = absl::InfinitePast();
  absl::Time tick_at_ = absl::InfiniteFuture();
};

}  // namespace seedcast::sim
