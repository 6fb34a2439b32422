// What there is to be seen of a worker at one moment, as plain numbers.
#pragma once

#include <cstdint>

#include "common/seconds_histogram.h"
#include "seedcast/v1/worker.pb.h"

namespace seedcast {

struct WorkerFigures {
  bool connected = false;  // has a stream, and was welcomed on it
  int slots = 0;
  int busy_slots = 0;

  // Since the worker started.
  int64_t connects = 0;     // streams on which it was welcomed
  int64_t evaluations = 0;  // members
  int64_t done_leases = 0;
  int64_t cancelled_leases = 0;  // on a slot already
  int64_t failed_leases = 0;     // handed back
  SecondsHistogram evaluation;   // slot time of a lease that was done
  v1::WorkerStats stats;
};

}  // namespace seedcast
