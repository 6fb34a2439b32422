// Inside of Coordinator: feeds the engine, carries out its actions.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/coordinator.h"
#include "coordinator/engine/engine.h"
#include "coordinator/job_record.h"

namespace seedcast {

class Coordinator::Impl {
 public:
  Impl(CoordinatorOptions options, Store* store, WorkerLinks* links)
      : options_(std::move(options)), store_(*store), links_(*links) {}

  // coordinator.cc: workers and time.
  absl::Status OnHello(const v1::Hello& hello, absl::Time now);
  void OnMessage(const std::string& worker_id, const v1::WorkerMessage& message, absl::Time now);
  void Handle(const engine::Event& event, absl::Time now);
  void OnTick(absl::Time now);

  // coordinator_figures.cc
  CoordinatorFigures Figures() const;
  v1::WorkersView Workers(absl::Time now) const;

  // coordinator_jobs.cc: what users ask for.
  absl::StatusOr<v1::JobStatus> Submit(const v1::SubmitJobRequest& request, absl::Time now);
  absl::StatusOr<v1::JobStatus> Fork(const v1::ForkJobRequest& request, absl::Time now);
  absl::StatusOr<v1::JobStatus> Get(const std::string& job_id, absl::Time now);
  v1::ListJobsResponse List(absl::Time now);
  absl::StatusOr<v1::GetHistoryResponse> History(const v1::GetHistoryRequest& request);
  absl::StatusOr<std::vector<v1::GenerationMetrics>> Metrics(const std::string& job_id,
                                                             const std::vector<int64_t>& generations);
  absl::StatusOr<v1::JobStatus> Pause(const std::string& job_id, absl::Time now);
  absl::StatusOr<v1::JobStatus> Resume(const std::string& job_id, absl::Time now);
  absl::StatusOr<v1::JobStatus> Cancel(const std::string& job_id, absl::Time now);
  absl::StatusOr<int64_t> Watch(const std::string& job_id, StatusWatcher watcher, absl::Time now);
  void Unwatch(int64_t watch_id) { watches_.erase(watch_id); }
  absl::StatusOr<int64_t> Evaluate(const v1::EvaluateJobRequest& request, EvaluationWatcher watcher, absl::Time now);
  void CancelEvaluation(int64_t evaluation_id, absl::Time now);
  absl::StatusOr<std::vector<v1::GenerationRecord>> Log(const v1::GetLogRequest& request, int64_t limit);
  absl::StatusOr<SharedSnapshot> ReadSnapshot(const v1::GetSnapshotRequest& request);
  void CountBytes(const std::string& job_id, int64_t bytes);

  // coordinator_log.cc: the log and the parameters.
  absl::Status Recover(absl::Time now);
  void SaveSnapshots();

 private:
  struct Watched {
    std::string job_id;
    StatusWatcher watcher;
    std::string note;  // that it saw last
  };
  struct Evaluation {
    std::string job_id;
    int64_t version = 0;
    v1::EvaluationSpec spec;
    EvaluationWatcher watcher;
    v1::EvaluateJobProgress progress;  // that it saw last
  };

  void Do(const engine::OpenJob& action);
  void Do(const engine::CloseJob& action);
  void Do(const engine::GrantLease& action);
  void Do(const engine::RevokeLeases& action);
  void Do(const engine::DrainWorker& action);
  void Do(const engine::CommitGeneration& action);
  void Do(const engine::FinishJob& action);
  void Do(const engine::FailJob& action);
  void Do(const engine::JobProved& action);
  void Do(const engine::EvaluationProgressed& action);
  void Do(const engine::EvaluationDone& action);

  absl::StatusOr<JobRecord*> Find(const std::string& job_id);
  absl::StatusOr<v1::JobStatus> Change(const std::string& job_id, v1::JobState to,
                                       const std::set<v1::JobState>& allowed_from, absl::Time now);
  absl::Status Prepare(v1::JobSpec* spec, std::unique_ptr<Task>* task);
  absl::Status CheckRoom() const;
  absl::StatusOr<v1::JobStatus> Create(JobRow row, State first, std::unique_ptr<Task> task, absl::Time now);
  absl::StatusOr<State> StateAt(const JobRecord& job, int64_t version);
  absl::StatusOr<Digest> DigestAt(const JobRecord& job, int64_t version);
  const JobRecord* FindByKey(const std::string& idempotency_key) const;
  void Describe(JobRecord& job);
  v1::JobStatus StatusOf(const JobRecord& job, absl::Time now) const;
  void Notify(const std::string& job_id);
  void NotifyChangedNotes();
  void NotifyWaitingEvaluations();

  void CountWorkers(CoordinatorFigures* figures) const;
  void CountPairs(CoordinatorFigures* figures) const;
  std::vector<const JobRecord*> MostRecentlyActive() const;

  // Runs `work`, puts down in `histogram` how long that took, and in `seconds` where that is given.
  template <typename Work>
  auto Timed(SecondsHistogram* histogram, double* seconds, Work work);

  absl::Status RecoverJob(JobRecord& job);
  absl::Status ReadSums(JobRecord& job);
  void AddToEngine(const JobRecord& job, absl::Time now);
  void TryCommit(JobRecord& job);
  absl::Status Append(JobRecord& job, const v1::GenerationRecord& record, bool with_snapshot);
  void Advance(JobRecord& job, engine::CommitGeneration closed);
  void SaveState(JobRecord& job);
  void SaveProof(JobRecord& job);
  void StoreFailed(JobRecord& job, const absl::Status& status);
  void RetryStore();
  void Prune(JobRecord& job);
  void PutAway(JobRecord& job);

  const CoordinatorOptions options_;
  Store& store_;
  WorkerLinks& links_;
  std::unique_ptr<engine::Engine> engine_;  // from Recover on
  std::map<std::string, JobRecord> jobs_;
  std::vector<std::string> order_;  // job ids, in order of submission
  std::map<int64_t, Watched> watches_;
  std::map<int64_t, Evaluation> evaluations_;
  int64_t next_watch_id_ = 1;
  int64_t next_evaluation_id_ = 1;

  CoordinatorFigures figures_;        // what is counted here: histograms and failures
  absl::Time now_;                    // of the call that is being handled
  std::vector<engine::Event> inbox_;  // events that actions led to
  bool handling_ = false;
};

template <typename Work>
auto Coordinator::Impl::Timed(SecondsHistogram* histogram, double* seconds, Work work) {
  const auto now = [this] { return options_.stopwatch == nullptr ? absl::UnixEpoch() : options_.stopwatch->Now(); };
  const absl::Time began = now();
  auto result = work();
  const double taken = absl::ToDoubleSeconds(now() - began);
  histogram->Observe(taken);
  if (seconds != nullptr) *seconds = taken;
  return result;
}

}  // namespace seedcast
