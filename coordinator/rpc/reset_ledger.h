// Which connections reset calls faster than anybody has reason to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/rpc/call_counts.h"

namespace seedcast {

class ResetLedger {
 public:
  // A connection may reset this many calls at once, and so many a second for ever. A client that gives up a watch
  // resets one; at 25 to 50 microseconds of processor a reset, this is a quarter of a percent of a core.
  static constexpr double kAtOnce = 500;
  static constexpr double kPerSecond = 50;

  // Peers that are over it, from what was counted at `now`. Those who are new must have come since the last call, so
  // call it once a minute at least.
  std::vector<std::string> Take(const std::vector<ConnectionCounts>& connections, absl::Time now);

 private:
  struct Entry {
    int64_t reset_calls = 0;
    double level = 0;  // of a bucket that leaks kPerSecond
  };
  std::map<int64_t, Entry> entries_;  // by connection_id, of those that stood at the last call
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace seedcast
