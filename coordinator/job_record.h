// What the coordinator remembers of a job beside the engine's decisions: its row, its parameters and what its log adds
// up to.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/spec/job_state.h"
#include "common/strategy/diagnostics.h"
#include "common/strategy/state.h"
#include "coordinator/engine/events.h"
#include "coordinator/store/store.h"
#include "worker/tasks/task.h"

namespace seedcast {

struct JobRecord {
  JobRow row;
  std::unique_ptr<Task> task;  // null until somebody needs it
  int64_t num_parameters = 0;  // 0: not known yet
  std::string dataset;         // in words

  // Parameters: a cache of the log.
  int64_t version = 0;
  Digest digest{};                              // of the state at `version`; zeros where the job could not be taken up
  std::optional<State> state;                   // at `version`; kept while the job can still move
  std::weak_ptr<const std::string> serialized;  // SerializeState(state), while somebody reads it
  Digest chain{};                               // after the last record
  bool closed = false;                          // the log ends with the record of the last version

  // Sums over the log.
  v1::GenerationMetrics last;
  std::optional<v1::EvaluationResult> best, last_validation;
  int64_t failed_evaluations = 0;
  double running_seconds = 0;
  std::deque<double> recent_seconds;  // of the last few generations
  std::vector<int64_t> snapshots;     // stored versions, ascending

  // Since this coordinator started.
  int64_t bytes = 0;
  int64_t generations = 0;

  // For people only; see JobFigures.
  struct Observed {
    UpdateDiagnostics diagnostics;
    std::array<float, 5> fitness_quantiles = FiniteQuantiles({});
    double update_seconds = UpdateDiagnostics::kNone;
    double commit_seconds = UpdateDiagnostics::kNone;
    absl::Time active = absl::InfinitePast();  // submitted, or its last generation
  };
  Observed observed;

  // What the store has not taken yet; tried again at retry_at. The engine waits meanwhile.
  std::variant<std::monostate, engine::CommitGeneration, engine::FinishJob> uncommitted;
  bool state_unsaved = false;  // row.state and row.message
  bool proof_unsaved = false;  // row.proof
  absl::Time retry_at = absl::InfiniteFuture();
  std::string store_trouble;

  bool ended() const { return HasEnded(row.state); }
};

// The record of a generation measured at job.version, chained to the last one.
v1::GenerationRecord MakeRecord(const JobRecord& job, const engine::CommitGeneration& closed);
// The record that closes the log: no fitness, the digest of the last version and its validation.
v1::GenerationRecord MakeRecord(const JobRecord& job, const engine::FinishJob& finished);

// Adds a record to the sums and the chain. DATA_LOSS when the record is not the chain's next link.
absl::Status AddToSums(const v1::GenerationRecord& record, JobRecord* job);

// Mean and 95 % interval over episodes; those without a result are left out.
v1::EvaluationResult Summarise(const engine::EpisodeResults& results, const v1::EvaluationSpec& spec, int64_t version);

// By accuracy, or by fitness for tasks without one. NaN is never better.
bool Better(const v1::EvaluationResult& a, const v1::EvaluationResult& b);

// Whether this validation makes its version the job's best. Where the job trains on the validation characters they tell
// nothing about others, and the newest version counts as the best. Learned optimizers are judged by fitness, whatever
// accuracy some of their problems have.
bool IsNewBest(const JobRecord& job, const v1::EvaluationResult& validation);

// Over the last few generations; 0 before the first.
double EvaluationsPerSecond(const JobRecord& job);

// Everything in a status but what only the engine knows: workers, slots, note.
v1::JobStatus MakeStatus(const JobRecord& job);

engine::JobPlan PlanOf(const v1::JobSpec& spec, int64_t num_parameters);

// So that what is read of a log at a time takes some ten megabytes at most, whatever the population.
int64_t RecordsPerRead(const JobRow& row);

// The state at `version`, which the log must reach: the newest snapshot at or below, and replay from there. Checks each
// record's digest on the way: DATA_LOSS says where the store disagrees with itself. `estimate_norm` gets that of the
// last update, if there was one to do.
absl::StatusOr<State> RebuildState(Store& store, const JobRow& row, int64_t version, int threads,
                                   double* estimate_norm = nullptr);

}  // namespace seedcast
