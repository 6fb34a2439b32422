#include "coordinator/engine/cluster_schedule.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "coordinator/schedule/lease_size.h"

namespace seedcast::engine {

ClusterSchedule::ClusterSchedule(int clusters, int64_t pairs, int max_groups)
    : pairs_(pairs),
      max_groups_(max_groups == 0 ? clusters : std::min(max_groups, clusters)),
      unit_seconds_(clusters),
      planned_with_(clusters),
      stale_(max_groups_ > 1) {}

void ClusterSchedule::Plan(absl::Span<const Server> servers) {
  servers_.assign(servers.begin(), servers.end());
  stale_ = false;
  Adopt(NewPlan());
}

void ClusterSchedule::Adopt(GroupPlan plan) {
  plan_ = std::move(plan);
  group_of_worker_.clear();
  for (size_t i = 0; i < servers_.size(); ++i) group_of_worker_[servers_[i].worker] = plan_.group_of_worker[i];
}

void ClusterSchedule::FollowDrift() {
  if (stale_ || groups() <= 1) return;
  const double imbalance = Imbalance(plan_, ClusterSeconds());
  if (!WorthAMove(imbalance, 0) || !HaveCostsMoved()) return;
  GroupPlan plan = NewPlan();
  if (WorthAMove(imbalance, plan.imbalance)) Adopt(std::move(plan));
}

bool ClusterSchedule::HaveCostsMoved() const {
  for (size_t c = 0; c < unit_seconds_.size(); ++c) {
    if (std::abs(unit_seconds_[c] - planned_with_[c]) > kWorthAMove * planned_with_[c]) return true;
  }
  return false;
}

GroupPlan ClusterSchedule::NewPlan() {
  planned_with_ = unit_seconds_;
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
