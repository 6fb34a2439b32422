// What the engine has counted since it began.
#pragma once

#include <cstdint>

#include "common/seconds_histogram.h"

namespace seedcast::engine {

struct EngineStats {
  // Results.
  int64_t results = 0;  // that counted
  int64_t duplicate_results = 0;
  int64_t stale_results = 0;
  int64_t unknown_results = 0;
  int64_t rejected_results = 0;

  // Members of pairs whose result counted, and those of them without a fitness.
  int64_t evaluations = 0;
  int64_t failed_evaluations = 0;
  int64_t not_finite_evaluations = 0;
  int64_t diverged = 0;  // inner trainings that left the bounds

  int64_t granted_leases = 0;  // with those that repeat another
  int64_t repeated_leases = 0;
  int64_t completed_leases = 0;  // by their worker's own result
  int64_t expired_leases = 0;    // of a worker that was silent, or never had them
  int64_t lost_leases = 0;       // with their worker's stream
  int64_t failed_leases = 0;

  SecondsHistogram lease_wait;  // of a lease of pairs: since its generation was opened
  SecondsHistogram evaluation;  // slot time of a result
};

}  // namespace seedcast::engine
