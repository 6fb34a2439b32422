#include "coordinator/schedule/next_cluster.h"

#include <tuple>
#include <vector>

namespace seedcast {

std::optional<size_t> NextCluster(absl::Span<const ClusterCandidate> clusters, int worker_group,
                                  absl::Span<const double> group_slots) {
  std::vector<double> left(group_slots.size());  // seconds until each group is through
  for (const ClusterCandidate& c : clusters) left[c.group] += c.pending_seconds / group_slots[c.group];

  const auto rank = [&](const ClusterCandidate& c) {
    const bool own_group = c.group == worker_group;
    return std::tuple(c.reach == Reach::kAtHand, own_group, own_group ? 0.0 : left[c.group], c.unit_seconds);
  };
  std::optional<size_t> best;
  for (size_t i = 0; i < clusters.size(); ++i) {
    if (clusters[i].reach == Reach::kNothing) continue;
    if (!best || rank(clusters[i]) > rank(clusters[*best])) best = i;
  }
  return best;
}

}  // namespace seedcast
