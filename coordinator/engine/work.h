// One piece of work of a job on one version of its parameters, cut into units: the pairs of a generation, its
// validation episodes, or the episodes of an evaluation that a user asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/lease_table.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast::engine {

struct Job;

enum class WorkKind { kPairs, kValidation, kEvaluation };

class Work {
 public:
  static Work Pairs(Job* job, int64_t version, int64_t population_size);
  static Work Episodes(WorkKind kind, Job* job, int64_t version, int64_t evaluation_id, v1::EvaluationSpec spec);

  // INVALID_ARGUMENT says what is wrong with a result for this work: range, sizes, another evaluation's spec.
  absl::Status Check(const v1::LeaseResult& result) const;

  // Takes in what is new in a result that passed Check. Returns its number of new units; `ended` gets the leases that
  // have nothing left to do.
  int64_t Accept(const v1::LeaseResult& result, std::vector<int64_t>* ended);

  int ValuesPerUnit() const { return kind == WorkKind::kPairs ? 2 : 1; }
  EpisodeResults TakeEpisodes();

  // Constant after construction.
  WorkKind kind;
  Job* job;
  int64_t version;
  int64_t evaluation_id = 0;  // 0: validation
  v1::EvaluationSpec spec;    // of the episodes

  LeaseTable table;
  std::vector<float> fitness;   // (units * ValuesPerUnit) NaN where not known, failed or not finite
  std::vector<float> accuracy;  // (units), episodes only
  int64_t failed = 0;
  int64_t not_finite = 0;
  std::string last_error;
  std::string digest;  // hex, of the state at `version`

 private:
  Work(WorkKind kind, Job* job, int64_t version, int64_t units);
};

// The units a result is about: [0, 0) if it names none.
UnitRange RangeOf(const v1::LeaseResult& result);

}  // namespace seedcast::engine
