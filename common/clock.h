// The Clock seam: adapters hold one; core functions take `absl::Time now` instead.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace seedcast {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;  // thread-safe
};

// Steady: absl::Now() at construction plus a monotonic clock, so that a step of the wall clock expires no lease.
class SteadyClock final : public Clock {
 public:
  SteadyClock();
  absl::Time Now() const override;

 private:
  const absl::Time wall_at_start_;
  const int64_t steady_at_start_ns_;
};

}  // namespace seedcast
