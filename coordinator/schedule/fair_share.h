// Which of several jobs gets the next free slot: the one that was served least. Pure decisions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "absl/types/span.h"

namespace seedcast {

struct ShareCandidate {
  double served_seconds = 0;
  bool wants_work = false;  // has units for this worker
};

// Index of the candidate that wants work and was served least; ties go to the first. None if nobody wants any.
inline std::optional<size_t> LeastServed(absl::Span<const ShareCandidate> candidates) {
  std::optional<size_t> best;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!candidates[i].wants_work) continue;
    if (!best || candidates[i].served_seconds < candidates[*best].served_seconds) best = i;
  }
  return best;
}

// What a job that (again) asks for work counts as served: no less than the least of those already at it, or it would
// keep all slots until it had caught up with the time it was away.
inline double EntryShare(double served_seconds, absl::Span<const double> others) {
  if (others.empty()) return served_seconds;
  return std::max(served_seconds, *std::min_element(others.begin(), others.end()));
}

// A job that could not be served for long (no worker of its class, say) lags far behind; it may claim a minute of that.
inline double BoundedCredit(double served_seconds, absl::Span<const ShareCandidate> candidates) {
  constexpr double kMaxCreditSeconds = 60;
  for (const ShareCandidate& other : candidates) {
    if (other.wants_work) served_seconds = std::max(served_seconds, other.served_seconds - kMaxCreditSeconds);
  }
  return served_seconds;
}

}  // namespace seedcast
