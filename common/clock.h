// What time it is, for adapters; core functions take `absl::Time now` instead.
#pragma once

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace seedcast {

// absl::Now() at construction plus a monotonic clock, so that a step of the wall clock expires no lease. Thread-safe.
class SteadyClock {
 public:
  SteadyClock();
  absl::Time Now() const;

 private:
  const absl::Time wall_at_start_;
  const int64_t steady_at_start_ns_;
};

}  // namespace seedcast
