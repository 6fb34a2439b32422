// What happens to the engine, and what it wants done. Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/strategy/outcome.h"
#include "coordinator/engine/lease_table.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast::engine {

// What the engine needs to know of a resolved spec.
struct JobPlan {
  std::string task{};  // the JobSpec.task oneof's field name
  int64_t population_size = 2;
  int64_t generations = 1;
  v1::NumericClass numeric_class = v1::F32;
  int32_t max_workers = 0;                   // 0: all
  int64_t validation_every = 0;              // 0: never
  v1::EvaluationSpec validation_episodes{};  // resolved
  int64_t max_failed_evaluations = 0;

  int clusters = 1;
  std::vector<int32_t> cluster_weights{1};  // (clusters)
  int cluster_groups = 0;                   // 0: as many as workers, at most as clusters
  int64_t gradient_size = 0;                // of the gradient in a result, a pair; 0: results have none

  // Whether a pair's inner training begins anew at a generation, so that any worker can do it as well as another. Null
  // for jobs that carry no inner state; else pairs stay with the workers that did them last.
  std::function<bool(int64_t generation, int64_t pair)> begins_anew{};
  double rebuild_units = 0;  // mean work, in pairs, to rebuild the inner state of a pair elsewhere
};

// ---- Events. Those from workers that are not connected are ignored.

struct WorkerJoined {  // passed CheckWorker; a worker of the same id that is still connected is replaced
  std::string worker_id;
  int32_t slots = 1;
  std::map<v1::NumericClass, std::string> proofs;
  std::vector<std::string> tasks;
};
struct WorkerGone {
  std::string worker_id;
};
struct WorkerDraining {
  std::string worker_id;
};
struct Heartbeat {
  std::string worker_id;
  std::vector<int64_t> lease_ids;  // that it has in hand
};
struct ResultArrived {
  std::string worker_id;
  const v1::LeaseResult* result;  // borrowed for the call
};
struct LeaseFailed {
  std::string worker_id;
  int64_t lease_id = 0;
  std::string error;
};

struct JobAdded {
  std::string job_id;
  JobPlan plan;
  v1::JobState state = v1::RUNNING;
  int64_t version = 0;
  std::string digest;  // of the state at `version`, hex
  int64_t failed_evaluations = 0;
  std::string proof{};  // of JobProved, if an earlier run of the coordinator had that
};
struct JobPaused {
  std::string job_id;
};
struct JobResumed {
  std::string job_id;
};
struct JobCancelled {
  std::string job_id;
};
struct GenerationCommitted {  // answer to CommitGeneration
  std::string job_id;
  int64_t new_version = 0;
  std::string digest;
};
struct JobFinished {  // answer to FinishJob
  std::string job_id;
};

struct EvaluationRequested {
  int64_t evaluation_id = 0;  // > 0
  std::string job_id;
  int64_t version = 0;
  std::string digest;
  v1::EvaluationSpec spec;  // resolved
};
struct EvaluationCancelled {
  int64_t evaluation_id = 0;
};

struct Tick {};
struct LeasingStopped {};

using Event = std::variant<WorkerJoined, WorkerGone, WorkerDraining, Heartbeat, ResultArrived, LeaseFailed, JobAdded,
                           JobPaused, JobResumed, JobCancelled, GenerationCommitted, JobFinished, EvaluationRequested,
                           EvaluationCancelled, Tick, LeasingStopped>;

// ---- Actions, to be carried out in order.

struct OpenJob {
  std::string worker_id;
  std::string job_id;
};
struct CloseJob {
  std::string worker_id;
  std::string job_id;
};
struct GrantLease {
  std::string worker_id;
  int64_t lease_id = 0;
  std::string job_id;
  int64_t version = 0;
  std::string digest;
  UnitRange units;
  int cluster = 0;
  // Of pairs if absent; else of the episodes of this evaluation (0: the job's validation).
  std::optional<int64_t> evaluation_id;
  v1::EvaluationSpec spec;  // with episodes only
};
struct RevokeLeases {
  std::string worker_id;
  std::vector<int64_t> lease_ids;
};
struct DrainWorker {
  std::string worker_id;
};

// Fitness and accuracy of theta itself on the episodes of an evaluation; NaN where there is none.
struct EpisodeResults {
  std::vector<float> fitness;
  std::vector<float> accuracy;
  int64_t failed = 0;
  std::string last_error;
};
struct ClusterReport {
  double seconds = 0;  // slot time of its pairs
  int group = 0;
  int64_t failed = 0;
  int64_t not_finite = 0;
  int64_t diverged = 0;
};
struct GroupReport {
  double predicted_seconds = 0;  // slot time, by what was measured in earlier generations
  double measured_seconds = 0;
  double finished_seconds = 0;  // from the opening of the generation to the last result
  int workers = 0;
  int slots = 0;
  int64_t stolen_pairs = 0;  // done by workers of other groups
};
struct CommitGeneration {  // append it to the log, update, answer GenerationCommitted
  std::string job_id;
  int64_t generation = 0;
  OutcomeValues outcome;  // fitness: NaN where an evaluation failed or was not finite
  int64_t failed = 0;
  int64_t not_finite = 0;
  double seconds = 0;
  std::optional<EpisodeResults> validation;
  std::vector<ClusterReport> clusters;
  std::vector<GroupReport> groups;  // none with a single group
  double idle_share = 0;            // of the slots that gave results
};
struct FinishJob {  // the last version is measured; close the log, answer JobFinished
  std::string job_id;
  int64_t version = 0;
  double seconds = 0;
  std::optional<EpisodeResults> validation;
};
struct FailJob {
  std::string job_id;
  std::string message;
  int64_t failed_evaluations = 0;  // with those of the generation that is not committed any more
};
// The first worker was taken on: workers that prove another digest compute other bits. Not for F32, whose digest is
// known.
struct JobProved {
  std::string job_id;
  std::string proof;
};
struct EvaluationProgressed {
  int64_t evaluation_id = 0;
  int64_t episodes_done = 0;
};
struct EvaluationDone {
  int64_t evaluation_id = 0;
  EpisodeResults results;
};

using Action = std::variant<OpenJob, CloseJob, GrantLease, RevokeLeases, DrainWorker, CommitGeneration, FinishJob,
                            FailJob, JobProved, EvaluationProgressed, EvaluationDone>;

}  // namespace seedcast::engine
