// How many units to put into one lease: a pure decision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace seedcast {

inline constexpr int64_t kMaxLeaseUnits = 65'536;

struct LeaseSizeInput {
  double seconds_per_unit = 0;  // measured on this worker; 0: not yet
  double target_seconds = 0.5;
  int64_t pending_units = 0;  // > 0
  int64_t eligible_slots = 1;
};

// Enough work for target_seconds, but never more than half of an equal share of what is left (guided self-scheduling,
// Polychronopoulos and Kuck 1987): leases shrink towards the end, so that all slots finish together. A worker that was
// never measured gets one unit. At least 1.
inline int64_t LeaseSize(const LeaseSizeInput& input) {
  if (input.seconds_per_unit <= 0) return 1;
  const double by_rate = std::floor(std::min(input.target_seconds / input.seconds_per_unit, double{kMaxLeaseUnits}));
  const int64_t shares = 2 * std::max<int64_t>(input.eligible_slots, 1);
  const int64_t by_share = (input.pending_units + shares - 1) / shares;
  return std::max<int64_t>(1, std::min(static_cast<int64_t>(by_rate), by_share));
}

// What a worker needs for one unit, smoothed: a new measurement weighs 0.3. `seconds` covers `units` units.
inline double SmoothedSecondsPerUnit(double old, double seconds, int64_t units) {
  const double measured = std::max(seconds / static_cast<double>(std::max<int64_t>(units, 1)), 1e-7);
  return old <= 0 ? measured : 0.7 * old + 0.3 * measured;
}

}  // namespace seedcast
