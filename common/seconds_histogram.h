// How long something took, how often: counts by powers of roughly two and a half, from half a millisecond to half an
// hour. A plain value: copied to be read.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace seedcast {

class SecondsHistogram {
 public:
  static constexpr std::array kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,   0.25,
                                         0.5,    1.0,   2.5,    5.0,   10.0, 25.0,  60.0, 300.0, 1800.0};

  void Observe(double seconds) {
    ++counts_[std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin()];
    sum_ += seconds;
  }

  // Values above the bound before and up to kBounds[bucket]; the last bucket has no bound.
  int64_t count(size_t bucket) const { return counts_[bucket]; }
  double sum() const { return sum_; }
  int64_t count() const {
    int64_t all = 0;
    for (const int64_t count : counts_) all += count;
    return all;
  }

 private:
  std::array<int64_t, kBounds.size() + 1> counts_ = {};
  double sum_ = 0;
};

}  // namespace seedcast
