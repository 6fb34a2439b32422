// One simulated life of a small cluster: the real Coordinator and the real worker cores, everything else pretended and
// drawn from one seed. Messages are late, lost with their stream, or doubled; streams break on one side only; workers
// crash, freeze, join and leave; the coordinator stops at any write and starts again from its store, which refuses some
// writes; users pause, resume, evaluate and fork meanwhile. At the end every job must have come to the bits of the
// serial reference.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/coordinator.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/faulty_store.h"
#include "tests/sim/random.h"
#include "tests/sim/reference.h"
#include "tests/sim/sim_worker.h"

namespace seedcast::sim {

class Simulation final : public WorkerLinks, public Network {
 public:
  explicit Simulation(uint64_t seed);
  ~Simulation() override;

  // Empty, or what went wrong.
  std::string Run();

  struct Tally {  // over a run: what was put to the test
    int64_t restarts = 0, broken_streams = 0, crashes = 0, freezes = 0, doubled = 0, evaluations_checked = 0, forks = 0;
    int64_t carried_jobs = 0, clustered_jobs = 0, rebuilt_generations = 0;
  };
  const Tally& tally() const { return tally_; }

 private:
  // Of one Connect: broken, nothing on the way in it arrives any more.
  struct Stream {
    SimWorker* worker;
    bool whole = true;
    absl::Time last_up, last_down;  // arrivals are in order
  };
  struct Job {
    v1::JobSpec spec;  // resolved
    std::string key;
    std::string job_id;  // empty: not submitted yet
    Reference reference;
    int64_t version = 0;  // seen last
    bool forked = false;
  };

  // WorkerLinks.
  void Send(const std::string& worker_id, const v1::CoordinatorMessage& message) override;
  void Close(const std::string& worker_id, const absl::Status& reason) override;

  // Network.
  void Connect(SimWorker& worker, const v1::Hello& hello) override;
  void Disconnect(SimWorker& worker) override;
  void SendUp(SimWorker& worker, const v1::WorkerMessage& message) override;
  absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const v1::GetLogRequest& request) override;
  absl::StatusOr<std::string> ReadSnapshot(const v1::GetSnapshotRequest& request) override;

  bool up() const { return coordinator_ != nullptr && !powerless_; }
  absl::Duration Delay();
  void Greet(const std::shared_ptr<Stream>& stream, const v1::Hello& hello);
  void ArriveUp(const std::shared_ptr<Stream>& stream, const v1::WorkerMessage& message);
  // Both ends hear of it in their own time; the coordinator's end only if `told`.
  void Break(std::shared_ptr<Stream> stream, absl::Duration worker_hears, bool told, const absl::Status& why);

  void StartCoordinator();
  void StopCoordinator(absl::Duration down);
  void Tick();

  void AddJob();
  void AddWorker();
  void TrySubmit(size_t index);
  void TryFork(size_t index);
  void NextFault();
  void Fault();
  void PauseAWhile();
  void EvaluateSomething();
  void LookAtJobs();
  bool AllEnded() const { return up() && ended_ == jobs_.size(); }
  void Verdict();
  void Fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }

  const uint64_t seed_;
  Random random_;
  EventQueue queue_;
  absl::Time calm_from_;  // no faults any more
  double fault_rate_;     // a second
  double double_rate_;
  double drop_rate_;  // of single messages in a stream that stays whole: no transport of ours does it, a bug might

  FaultyStore store_;
  std::unique_ptr<Coordinator> coordinator_;
  bool powerless_ = false;
  std::map<SimWorker*, std::shared_ptr<Stream>> worker_end_;
  std::map<std::string, std::shared_ptr<Stream>> coordinator_end_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::vector<std::unique_ptr<Job>> jobs_;
  size_t ended_ = 0;
  std::string failure_;
  Tally tally_;
};

}  // namespace seedcast::sim
