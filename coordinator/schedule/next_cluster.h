// Which cluster a worker works on next: a pure decision.
//
// Its own group's clusters come first, so that a worker keeps to few clusters; then it helps the group that would
// finish last. Pairs whose inner state another worker has (common/strategy/estimator.h) come after all others, for
// rebuilding costs time. Within a group the clusters of the longest pairs come first: short ones fill the gaps at the
// end.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"

namespace seedcast {

enum class Reach {
  kNothing,    // no pending pairs, or none that it would pay to take
  kElsewhere,  // pending pairs, all of which another worker did last
  kAtHand,     // pending pairs that this worker did last, or nobody
};

struct ClusterCandidate {
  Reach reach = Reach::kNothing;
  int group = 0;
  double unit_seconds = 0;     // of one pair, > 0
  double pending_seconds = 0;  // of all pending pairs
};

// Index of the cluster; none if there is nothing to do. worker_group is -1 for a worker without a group; group_slots
// has the slots of each group's workers, > 0.
std::optional<size_t> NextCluster(absl::Span<const ClusterCandidate> clusters, int worker_group,
                                  absl::Span<const double> group_slots);

}  // namespace seedcast
