// One piece of work of a job on one version of its parameters, cut into units: the pairs of a generation in one
// cluster, its validation episodes, or the episodes of an evaluation that a user asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/gradient_sum.h"
#include "coordinator/engine/lease_table.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast::engine {

struct Job;

enum class WorkKind { kPairs, kValidation, kEvaluation };

class Work {
 public:
  // `homes`: the last worker of each pair (lease_table.h), or empty.
  static Work Pairs(Job* job, int64_t version, int cluster, std::vector<int32_t> homes);
  static Work Episodes(WorkKind kind, Job* job, int64_t version, int64_t evaluation_id, v1::EvaluationSpec spec);

  // INVALID_ARGUMENT says what is wrong with a result for this work: range, sizes, another evaluation's spec.
  absl::Status Check(const v1::LeaseResult& result) const;

  // Takes in what is new in a result that passed Check. Returns its number of new units; `ended` gets the leases that
  // have nothing left to do.
  int64_t Accept(const v1::LeaseResult& result, int32_t worker, absl::Time now, std::vector<int64_t>* ended);

  int ValuesPerUnit() const { return kind == WorkKind::kPairs ? 2 : 1; }
  EpisodeResults TakeEpisodes();

  // Constant after construction.
  WorkKind kind;
  Job* job;
  int64_t version;
  int cluster = 0;            // of pairs
  int64_t evaluation_id = 0;  // 0: validation
  v1::EvaluationSpec spec;    // of the episodes

  LeaseTable table;
  std::vector<float> fitness;           // (units * ValuesPerUnit) NaN where not known, failed or not finite
  std::vector<float> accuracy;          // (units), episodes only
  std::optional<GradientSum> gradient;  // of pairs, for jobs whose results carry gradients
  std::vector<int32_t> done_by;         // (units) workers, for jobs that carry inner state
  int64_t failed = 0;
  int64_t not_finite = 0;
  int64_t diverged = 0;
  double seconds = 0;        // slot time of what counted
  int64_t stolen_units = 0;  // done by workers of other cluster groups
  absl::Time progressed;     // when it was opened, or the last unit came in
  std::string last_error;
  std::string digest;  // hex, of the state at `version`

 private:
  Work(WorkKind kind, Job* job, int64_t version, int64_t units, std::vector<int32_t> homes = {});
  absl::Status CheckSizes(const v1::LeaseResult& result, int64_t units) const;
  void AcceptUnit(const v1::LeaseResult& result, int64_t unit, int64_t index, const std::vector<bool>& failed_offsets);
};

// The units a result is about: [0, 0) if it names none.
UnitRange RangeOf(const v1::LeaseResult& result);

}  // namespace seedcast::engine
