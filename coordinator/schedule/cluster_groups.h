// Which workers serve which clusters of a job: pure decisions.
//
// Clusters are packed into groups, and each group gets workers of its own, so that all groups finish together. A
// group's *finish* is its clusters' slot time over its workers' slots; a plan is as good as its latest finish. Only
// scheduling: nothing here has an influence on a job's bits, and workers that run out of their group's work help the
// others.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {

struct Packing {
  std::vector<int> group_of_cluster;
  double finish = 0;  // the latest group's load / capacity
};

// Packs `costs` (> 0) into capacities.size() groups (capacities > 0), the latest finish as early as can be: for up to
// kExactClusters clusters by branch and bound, which is exact unless it does not end within max_steps; beyond that by
// k-way largest differencing (Karmarkar and Karp 1982) and single moves from the latest group. Ties go to the first
// packing found, so equal input gives equal output.
inline constexpr size_t kExactClusters = 16;
inline constexpr int kMaxPackingSteps = 1 << 20;  // a fraction of a second
Packing PackClusters(absl::Span<const double> costs, absl::Span<const double> capacities,
                     int max_steps = kMaxPackingSteps);

// The group of each worker: every group gets one, the largest worker the largest load, then whichever group would
// finish last gets the next. Needs at least as many workers as groups.
std::vector<int> ShareWorkers(absl::Span<const double> loads, absl::Span<const int32_t> slots);

struct GroupPlan {
  std::vector<int> group_of_cluster;
  std::vector<int> group_of_worker;
  std::vector<double> capacity;  // (groups) slots
  double imbalance = 0;          // by the costs that it was made with

  int groups() const { return static_cast<int>(capacity.size()); }
};

// Plans for at most `groups` groups, never more than workers or clusters, and for fewer where that is worth a move (see
// below): whole clusters seldom suit as many groups as there are workers. But for two at least where there may be: a
// single group balances whatever its clusters cost, by keeping no worker to any. A cluster's seconds are its slot time
// in a generation; 0 where not yet measured: then as much as the mean of the others.
GroupPlan PlanGroups(absl::Span<const double> cluster_seconds, absl::Span<const int32_t> worker_slots, int groups);

// How much later than the mean the latest group finishes, as a share of the mean: 0 is perfect.
double Imbalance(const GroupPlan& plan, absl::Span<const double> cluster_seconds);

// (groups) slot time of each group's clusters.
std::vector<double> GroupSeconds(const GroupPlan& plan, absl::Span<const double> cluster_seconds);

// Whether a plan's imbalance is so much less than another's that it is to be preferred: inner states and caches stay
// behind when a cluster changes hands, and what the groups are off by, stealing makes good.
inline constexpr double kWorthAMove = 0.05;
inline bool WorthAMove(double imbalance, double other_imbalance) { return imbalance > other_imbalance + kWorthAMove; }

}  // namespace seedcast
