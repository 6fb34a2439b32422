// Theta at versions of the past: what inner trainings that were lost are unrolled with again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {

// Versions first .. end() - 1. The vectors are shared with the histories of the versions before.
struct ThetaHistory {
  using Theta = std::shared_ptr<const std::vector<float>>;

  int64_t first = 0;
  std::vector<Theta> thetas{};

  int64_t end() const { return first + static_cast<int64_t>(thetas.size()); }
  absl::Span<const float> at(int64_t version) const { return *thetas.at(version - first); }

  // The versions from `oldest` on of this history and, behind it, of `newer`; together they end before `end`.
  ThetaHistory Continued(const std::vector<Theta>& newer, int64_t end, int64_t oldest) const {
    ThetaHistory all{end - static_cast<int64_t>(newer.size() + thetas.size()), thetas};
    all.thetas.insert(all.thetas.end(), newer.begin(), newer.end());
    const int64_t dropped = std::clamp<int64_t>(oldest - all.first, 0, static_cast<int64_t>(all.thetas.size()));
    all.thetas.erase(all.thetas.begin(), all.thetas.begin() + dropped);
    all.first += dropped;
    return all;
  }
};

}  // namespace seedcast
