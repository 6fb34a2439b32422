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
  int64_t pending_units = 0;  // > 0; of work with other kinds of units too: how many of these units it is worth
  int64_t eligible_slots = 1;
  int64_t max_units = kMaxLeaseUnits;  // that a result has room for, > 0
};

// Enough work for target_seconds, but never more than half of an equal share of what is left (guided self-scheduling,
// Polychronopoulos and Kuck 1987): leases shrink towards the end, so that all slots finish together. A worker that was
// never measured gets one unit. At least 1.
inline int64_t LeaseSize(const LeaseSizeInput& input) {
  if (input.seconds_per_unit <= 0) return 1;
  const double by_rate = std::floor(std::min(input.target_seconds / input.seconds_per_unit, double{kMaxLeaseUnits}));
  const int64_t shares = 2 * std::max<int64_t>(input.eligible_slots, 1);
  const int64_t by_share = (input.pending_units + shares - 1) / shares;
  return std::max<int64_t>(1, std::min({static_cast<int64_t>(by_rate), by_share, input.max_units}));
}

// Pairs whose gradients, of num_parameters floats each, make a result of about 1 MiB.
inline int64_t GradientLeaseUnits(int64_t num_parameters) {
  return std::clamp<int64_t>((int64_t{1} << 18) / std::max<int64_t>(num_parameters, 1), 1, kMaxLeaseUnits);
}

// What a worker needs for one unit, smoothed: a new measurement weighs 0.3. `seconds` covers `units` units.
inline double SmoothedSecondsPerUnit(double old, double seconds, int64_t units) {
  const double measured = std::max(seconds / static_cast<double>(std::max<int64_t>(units, 1)), 1e-7);
  return old <= 0 ? measured : 0.7 * old + 0.3 * measured;
}

}  // namespace seedcast
