// The engine decides who works on what: Handle(event, now) -> actions. Pure: no clock, socket, file, lock or hash-order
// iteration inside, so the same events give the same actions, in the server and in the simulation.
//
// A generation has a Work for each cluster of the job. A worker takes pairs of its own cluster group first and then
// helps the others (schedule/next_cluster.h); groups follow the costs that were measured (schedule/cluster_groups.h).
// Pairs that carry inner state stay with the workers that did them last, where that is possible.
//
// Life of a generation: JobAdded or GenerationCommitted opens it -> GrantLease ... ResultArrived -> when every unit is
// in, CommitGeneration -> (log, update) -> GenerationCommitted. At the last version only validation is measured; then
// FinishJob -> JobFinished.
//
// Invariants, checked in release too: a unit counts once; a version never goes back; a lease points at open work; no
// worker holds more leases than twice its slots.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/job.h"
#include "coordinator/engine/stats.h"
#include "coordinator/engine/worker_table.h"
#include "coordinator/schedule/next_cluster.h"

namespace seedcast::engine {

struct EngineOptions {
  absl::Duration lease_target = absl::Milliseconds(500);  // work in one lease, by the worker's measured rate
  absl::Duration lease_ttl = absl::Seconds(30);           // a worker silent for so long loses its leases
  absl::Duration keep_open = absl::Seconds(30);           // workers keep an ended job's parameters so long
  std::string expected_f32_proof{};                       // other F32 proofs are refused
  // An idle worker repeats what two others hold already, or does a pair whose inner state another has, after so long
  // without a result, and longer where units take longer.
  absl::Duration repeat_patience = absl::Seconds(2);
  // Workers that are just starting, or connecting again, are no news.
  absl::Duration note_patience = absl::Seconds(1);
  int64_t first_lease_id = 1;  // above all that an earlier run of the coordinator gave out
};

class Engine {
 public:
  explicit Engine(EngineOptions options) : options_(std::move(options)), next_lease_id_(options_.first_lease_id) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::vector<Action> Handle(const Event& event, absl::Time now);

  // Before WorkerJoined: INVALID_ARGUMENT for malformed values, FAILED_PRECONDITION when no numeric class of the worker
  // can be used; removes from `joined` the classes that it disproved, and says in `refused` what differed.
  absl::Status CheckWorker(WorkerJoined* joined, std::string* refused) const;

  // Connected workers that were sent the job, in order of id.
  std::vector<std::string> WorkersWithJob(const std::string& job_id) const;
  // It has asked for no more leases, or the coordinator gives out none.
  bool IsDraining(const std::string& worker_id) const;
  // Why a running job stands still: "waiting: no worker of class BF16_AMX", or empty. That nobody serves it is said
  // once it has been so for note_patience.
  std::string Note(const std::string& job_id, absl::Time now) const;
  // The same of an evaluation of the job's parameters, whatever the job's state.
  std::string EvaluationNote(const std::string& job_id, absl::Time now) const;
  const Job* FindJob(const std::string& job_id) const;
  const WorkerTable& workers() const { return workers_; }
  const EngineStats& stats() const { return stats_; }

  // Aborts when the tables disagree. Costs time: for tests.
  void CheckInvariants() const;

 private:
  struct Lease {
    Worker* worker;
    Work* work;
    double charged_seconds;  // to the job's share, until the true time is known
    absl::Time granted;
    int missed_heartbeats = 0;
  };

  // Workers (engine.cc).
  void On(const WorkerJoined& event);
  void On(const WorkerGone& event);
  void On(const WorkerDraining& event);
  void On(const Heartbeat& event);
  void On(const LeaseFailed& event);
  void On(const Tick& event);
  void On(const LeasingStopped& event);
  Worker* Touch(const std::string& worker_id);
  void RemoveWorker(Worker& worker);
  void CountEligible(const Worker& worker, int sign);
  void CloseEndedJobs();
  std::string WhyWaiting(const Job& job, absl::Time now) const;

  // Jobs (engine_jobs.cc).
  void On(const JobAdded& event);
  void On(const JobPaused& event);
  void On(const JobResumed& event);
  void On(const JobCancelled& event);
  void On(const GenerationCommitted& event);
  void On(const JobFinished& event);
  void On(const EvaluationRequested& event);
  void On(const EvaluationCancelled& event);
  Job& MustFindJob(const std::string& job_id);
  void Activate(Job& job);
  void Rest(Job& job);
  void OpenGeneration(Job& job);
  void CloseGeneration(Job& job);
  CommitGeneration Report(Job& job, Generation& closed);
  std::vector<GroupReport> ReportGroups(const Job& job, const Generation& closed) const;
  std::vector<int32_t> HomesOf(const Job& job, int cluster) const;
  void EndJob(Job& job, v1::JobState state);
  void RecountEligible(Job& job);
  void Progress(Work& work);
  void FinishEvaluation(Work& work);

  // Results taken in (engine_results.cc).
  void On(const ResultArrived& event);
  absl::Status Check(const v1::LeaseResult& result, const Worker& worker, const Work& work) const;
  Work* FindWork(const v1::LeaseResult& result);
  void Count(const v1::LeaseResult& result, Worker& worker, Work& work);
  int64_t AcceptAndCount(const v1::LeaseResult& result, const Worker& worker, Work& work, std::vector<int64_t>* ended);
  void CountTime(const v1::LeaseResult& result, const Worker& worker, Work& work, int64_t new_units);
  bool TooManyFailed(const Job& job) const;

  // Leases given out (engine_leases.cc).
  void FillAll();
  void Fill(Worker& worker);
  bool GrantOne(Worker& worker);
  bool RepeatOne(Worker& worker);
  LeaseTable::Verdict MayRepeat(const Worker& worker, absl::Span<const int64_t> holders) const;
  bool MayServe(const Worker& worker, const Job& job) const;
  Work* NextWork(const Worker& worker, Job& job);
  Work* NextPairs(const Worker& worker, Job& job);
  Reach ReachOf(const Worker& worker, const Work& work) const;
  void MakeGroups(Job& job);
  void Grant(Worker& worker, Work& work);
  double SecondsPerUnit(const Worker& worker, const Work& work) const;
  int64_t PendingUnitsWorth(const Work& work) const;
  void AddLease(int64_t lease_id, Worker& worker, Work& work, UnitRange units);
  bool Owns(const Worker& worker, int64_t lease_id, const Work* work) const;
  void GiveBack(int64_t lease_id);
  void GiveBackAll(Worker& worker);
  void Forget(int64_t lease_id, double served_seconds);
  void RevokeWork(Work& work);

  template <typename T>
  void Emit(T action) {
    actions_.emplace_back(std::move(action));
  }

  const EngineOptions options_;
  WorkerTable workers_;
  std::map<std::string, Job> jobs_;
  std::map<int64_t, Job*> active_;              // by Job::number: those that may have work to give
  std::map<int64_t, Work*> evaluations_;        // by id
  std::set<std::string> closing_;               // ended jobs that workers may still have open
  absl::flat_hash_map<int64_t, Lease> leases_;  // never iterated
  int64_t next_lease_id_;
  int64_t next_job_number_ = 0;
  bool stopped_ = false;
  EngineStats stats_;

  // During Handle only.
  absl::Time now_;
  std::vector<Action> actions_;
};

}  // namespace seedcast::engine
