#include "coordinator/engine/cluster_schedule.h"

#include <algorithm>
#include <utility>

#include "coordinator/schedule/lease_size.h"

namespace seedcast::engine {

ClusterSchedule::ClusterSchedule(int clusters, int64_t pairs, int max_groups)
    : pairs_(pairs),
      max_groups_(max_groups == 0 ? clusters : std::min(max_groups, clusters)),
      unit_seconds_(clusters),
      stale_(max_groups_ > 1) {}

void ClusterSchedule::Plan(absl::Span<const Server> servers) {
  servers_.assign(servers.begin(), servers.end());
  stale_ = false;
  plan_ = NewPlan();
  group_of_worker_.clear();
  for (size_t i = 0; i < servers_.size(); ++i) group_of_worker_[servers_[i].worker] = plan_.group_of_worker[i];
}

void ClusterSchedule::FollowDrift() {
  if (stale_ || groups() <= 1) return;
  const double imbalance = Imbalance(plan_, ClusterSeconds());
  if (!WorthReplanning(imbalance, plan_.imbalance)) return;
  if (WorthReplanning(imbalance, NewPlan().imbalance)) {
    Plan(std::vector<Server>(servers_));
  } else {
    plan_.imbalance = imbalance;  // nothing better is to be had: do not look again until it gets worse
  }
}

GroupPlan ClusterSchedule::NewPlan() const {
  std::vector<int32_t> slots;
  for (const Server& server : servers_) slots.push_back(server.slots);
  return PlanGroups(ClusterSeconds(), slots, max_groups_);
}

void ClusterSchedule::Measure(int cluster, double seconds, int64_t units) {
  unit_seconds_[cluster] = SmoothedSecondsPerUnit(unit_seconds_[cluster], seconds, units);
}

double ClusterSchedule::PredictedUnitSeconds(int cluster) const {
  if (unit_seconds_[cluster] > 0) return unit_seconds_[cluster];
  double sum = 0;
  int known = 0;
  for (const double seconds : unit_seconds_) {
    sum += seconds;
    known += seconds > 0;
  }
  return known > 0 ? sum / known : 1;
}

int ClusterSchedule::GroupOfWorker(int32_t worker) const {
  if (groups() <= 1) return 0;
  const auto found = group_of_worker_.find(worker);
  return found == group_of_worker_.end() ? -1 : found->second;
}

int ClusterSchedule::WorkersOf(int group) const {
  return static_cast<int>(std::count(plan_.group_of_worker.begin(), plan_.group_of_worker.end(), group));
}

std::vector<double> ClusterSchedule::PredictedGroupSeconds() const { return GroupSeconds(plan_, ClusterSeconds()); }

std::vector<double> ClusterSchedule::ClusterSeconds() const {
  std::vector<double> seconds;
  for (const double unit : unit_seconds_) seconds.push_back(unit * static_cast<double>(pairs_));
  return seconds;
}

}  // namespace seedcast::engine
