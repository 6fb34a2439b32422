// What a job knows about its clusters' costs, and the plan made from that: which group a cluster and a worker belong
// to. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "coordinator/schedule/cluster_groups.h"

namespace seedcast::engine {

class ClusterSchedule {
 public:
  struct Server {
    int32_t worker = 0;  // Worker::number
    int32_t slots = 1;
  };

  // At most max_groups groups; 0: as many as there are workers, at most as clusters.
  ClusterSchedule(int clusters, int64_t pairs, int max_groups);

  // More than one group is possible: otherwise nothing here needs a plan.
  bool grouped() const { return max_groups_ > 1; }

  // The workers changed: Plan before the next question about groups.
  void WorkersChanged() { stale_ = grouped(); }
  bool stale() const { return stale_; }
  void Plan(absl::Span<const Server> servers);

  // Before a generation: makes a new plan if costs have drifted so far that one is worth a move (cluster_groups.h), and
  // none is due anyway.
  void FollowDrift();

  // Slot time of `units` pairs of a cluster: of a whole generation, so that costs of one generation are comparable.
  void Measure(int cluster, double seconds, int64_t units);
  // Of one pair, smoothed; 0: not measured.
  double UnitSeconds(int cluster) const { return unit_seconds_[cluster]; }
  // The same, where not measured the mean of the other clusters.
  double PredictedUnitSeconds(int cluster) const;

  int groups() const { return std::max(plan_.groups(), 1); }
  int GroupOf(int cluster) const { return groups() > 1 ? plan_.group_of_cluster[cluster] : 0; }
  int GroupOfWorker(int32_t worker) const;  // -1: none
  int WorkersOf(int group) const;
  std::vector<double> GroupSlots() const { return groups() > 1 ? plan_.capacity : std::vector<double>{1}; }
  std::vector<double> PredictedGroupSeconds() const;  // (groups) slot time of a generation

 private:
  std::vector<double> ClusterSeconds() const;
  GroupPlan NewPlan();
  void Adopt(GroupPlan plan);
  // Since a plan was last looked for: otherwise there is none better now.
  bool HaveCostsMoved() const;

  int64_t pairs_;
  int max_groups_;
  std::vector<double> unit_seconds_;  // (clusters)
  std::vector<double> planned_with_;  // (clusters) unit_seconds_ when a plan was last looked for
  std::vector<Server> servers_;
  GroupPlan plan_;
  absl::flat_hash_map<int32_t, int> group_of_worker_;  // never iterated
  bool stale_;
};

}  // namespace seedcast::engine
