// All chance of a run comes from its seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace seedcast::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  int64_t Between(int64_t low, int64_t high) {  // inclusive
    return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  double Unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  bool Chance(double probability) { return Unit() < probability; }
  absl::Duration Millis(int64_t low, int64_t high) { return absl::Milliseconds(Between(low, high)); }
  // Waiting time of events that come `per_second` times a second on average.
  absl::Duration Wait(double per_second) { return absl::Seconds(-std::log(1 - Unit()) / per_second); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace seedcast::sim
