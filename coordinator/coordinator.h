// The coordinator without its sockets: engine, store and parameters put together. The server (rpc/) and the simulation
// (tests/sim) run this same object code.
//
// One thread owns it: no locks inside, no clock; `now` comes in with every call. Messages to workers leave through
// WorkerLinks, which must not call back into the coordinator.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/version.h"
#include "coordinator/figures.h"
#include "coordinator/store/store.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/parameters.pb.h"
#include "seedcast/v1/status.pb.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/tasks/task.h"

namespace seedcast {

class WorkerLinks {
 public:
  virtual ~WorkerLinks() = default;
  // To a worker that has said Hello; a message to one that is gone is dropped.
  virtual void Send(const std::string& worker_id, const v1::CoordinatorMessage& message) = 0;
  // The same to many, who may share its bytes.
  virtual void Broadcast(const std::vector<std::string>& worker_ids, const v1::CoordinatorMessage& message) {
    for (const std::string& worker_id : worker_ids) Send(worker_id, message);
  }
  // Ends the worker's stream; OnWorkerGone need not be called for it any more.
  virtual void Close(const std::string& worker_id, const absl::Status& reason) = 0;
};

struct CoordinatorOptions {
  absl::Duration lease_target = absl::Milliseconds(500);  // work in one lease, by the worker's measured rate
  absl::Duration lease_ttl = absl::Seconds(30);           // without a message from the worker its leases go back
  absl::Duration heartbeat = absl::Seconds(5);
  int update_threads = 1;  // for the coordinator's own Update
  int max_jobs = 10'000;   // in the store, all states
  std::string build;       // for Welcome
  // Says how long updates, commits and replays take, for Figures; nothing is decided by it. Null: they take no time.
  const SteadyClock* stopwatch = nullptr;
  // Makes the task of a resolved spec (its dataset digest filled in by `prepare`).
  std::function<absl::StatusOr<std::unique_ptr<Task>>(const v1::JobSpec&)> make_task;
  // Fills in what only the coordinator's machine knows: the data set's digest. Called at submission, before make_task.
  std::function<absl::Status(v1::JobSpec*)> prepare;
};

class Coordinator {
 public:
  using StatusWatcher = std::function<void(const v1::JobStatus&)>;
  using EvaluationWatcher = std::function<void(const absl::StatusOr<v1::EvaluateJobProgress>&)>;

  Coordinator(CoordinatorOptions options, Store* store, WorkerLinks* links);
  ~Coordinator();

  // Takes up the jobs of the store where they stood. Call once, first.
  absl::Status Recover(absl::Time now);

  // Workers. OnHello validates and, when it returns OK, has sent Welcome; otherwise the stream ends with that status.
  absl::Status OnHello(const v1::Hello& hello, absl::Time now);
  void OnMessage(const std::string& worker_id, const v1::WorkerMessage& message, absl::Time now);
  void OnWorkerGone(const std::string& worker_id, absl::Time now);

  // Expiry, repetition at the tail, heartbeats. Call every 100 ms or so.
  void OnTick(absl::Time now);

  // Shutdown: no new leases, Drain to every worker.
  void StopLeasing(absl::Time now);

  // JobService, one method each; errors as in job.proto.
  absl::StatusOr<v1::JobStatus> Submit(const v1::SubmitJobRequest& request, absl::Time now);
  absl::StatusOr<v1::JobStatus> Fork(const v1::ForkJobRequest& request, absl::Time now);
  absl::StatusOr<v1::JobStatus> Get(const std::string& job_id, absl::Time now) const;
  v1::ListJobsResponse List(absl::Time now) const;
  absl::StatusOr<v1::GetHistoryResponse> History(const v1::GetHistoryRequest& request) const;
  // Of these generations, ascending, those that the log has.
  absl::StatusOr<std::vector<v1::GenerationMetrics>> Metrics(const std::string& job_id,
                                                             const std::vector<int64_t>& generations) const;
  absl::StatusOr<v1::JobStatus> Pause(const std::string& job_id, absl::Time now);
  absl::StatusOr<v1::JobStatus> Resume(const std::string& job_id, absl::Time now);
  absl::StatusOr<v1::JobStatus> Cancel(const std::string& job_id, absl::Time now);

  // Calls `watcher` now and at each change, until Unwatch or after the job's last status. Returns the watch's id.
  absl::StatusOr<int64_t> Watch(const std::string& job_id, StatusWatcher watcher, absl::Time now);
  void Unwatch(int64_t watch_id);

  // Progress, and each change of why it stands still; then a last message with the result, or an error. Returns the
  // evaluation's id.
  absl::StatusOr<int64_t> Evaluate(const v1::EvaluateJobRequest& request, EvaluationWatcher watcher, absl::Time now);
  void CancelEvaluation(int64_t evaluation_id, absl::Time now);

  // ParameterService. Log: at most `limit` records. Snapshot: the newest at or below; a job's current version counts,
  // and its bytes are there once, however many read them.
  absl::StatusOr<std::vector<v1::GenerationRecord>> Log(const v1::GetLogRequest& request, int64_t limit) const;
  struct SharedSnapshot {
    int64_t version = 0;
    Digest digest{};
    std::shared_ptr<const std::string> bytes;
  };
  absl::StatusOr<SharedSnapshot> ReadSnapshot(const v1::GetSnapshotRequest& request) const;

  CoordinatorFigures Figures() const;
  v1::WorkersView Workers(absl::Time now) const;

  // For byte counts on the wire, kept by the links' owner: adds to the job's bytes.
  void CountBytes(const std::string& job_id, int64_t bytes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace seedcast
