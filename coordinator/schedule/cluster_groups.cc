#include "coordinator/schedule/cluster_groups.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>

namespace seedcast {
namespace {

// Two finishes that differ by less are the same: sums of seconds are rounded.
constexpr double kSame = 1e-12;

std::vector<int> ByDecreasing(absl::Span<const double> values) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return values[a] > values[b]; });
  return order;
}

double Sum(absl::Span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

std::vector<double> Loads(absl::Span<const double> costs, absl::Span<const int> group_of_cluster, size_t groups) {
  std::vector<double> loads(groups);
  for (size_t c = 0; c < costs.size(); ++c) loads[group_of_cluster[c]] += costs[c];
  return loads;
}

double LatestFinish(absl::Span<const double> loads, absl::Span<const double> capacities) {
  double latest = 0;
  for (size_t g = 0; g < loads.size(); ++g) latest = std::max(latest, loads[g] / capacities[g]);
  return latest;
}

// Depth first over the clusters by decreasing cost, below the best packing known. Costs that are nearly alike on
// unequal capacities leave it little to cut off: after max_steps the best packing found has to do. Steps and not a
// time, so that equal input gives equal output.
class BranchAndBound {
 public:
  BranchAndBound(absl::Span<const double> costs, absl::Span<const double> capacities, Packing best, int max_steps)
      : costs_(costs),
        capacities_(capacities),
        steps_left_(max_steps),
        order_(ByDecreasing(costs)),
        remaining_(costs.size() + 1),
        loads_(capacities.size()),
        group_of_cluster_(costs.size()),
        best_(std::move(best)) {
    for (size_t i = costs.size(); i-- > 0;) remaining_[i] = remaining_[i + 1] + costs[order_[i]];
    bound_ = remaining_[0] / Sum(capacities);
    if (!costs.empty()) {
      bound_ = std::max(bound_, costs[order_[0]] / *std::max_element(capacities.begin(), capacities.end()));
    }
  }

  Packing Run() {
    Search(0);
    return std::move(best_);
  }

 private:
  void Search(size_t depth) {
    if (steps_left_ == 0) return;
    --steps_left_;
    if (depth == costs_.size()) {
      best_ = {group_of_cluster_, LatestFinish(loads_, capacities_)};
      return;
    }
    if (!RestFits(depth)) return;
    const int cluster = order_[depth];
    for (size_t g = 0; g < capacities_.size() && best_.finish > bound_ * (1 + kSame); ++g) {
      if (SameAsEarlier(g) || !Better((loads_[g] + costs_[cluster]) / capacities_[g])) continue;
      const double load = std::exchange(loads_[g], loads_[g] + costs_[cluster]);
      group_of_cluster_[cluster] = static_cast<int>(g);
      Search(depth + 1);
      loads_[g] = load;
    }
  }

  bool Better(double finish) const { return finish < best_.finish * (1 - kSame); }

  // Groups of equal capacity and load are interchangeable.
  bool SameAsEarlier(size_t g) const {
    for (size_t h = 0; h < g; ++h) {
      if (capacities_[h] == capacities_[g] && loads_[h] == loads_[g]) return true;
    }
    return false;
  }

  // Room that is too small for the smallest cluster left is of no use.
  bool RestFits(size_t depth) const {
    const double smallest = costs_[order_.back()];
    double room = 0;
    for (size_t g = 0; g < capacities_.size(); ++g) {
      const double free = best_.finish * capacities_[g] - loads_[g];
      if (free > smallest) room += free;
    }
    return room > remaining_[depth];
  }

  const absl::Span<const double> costs_;
  const absl::Span<const double> capacities_;
  int steps_left_;
  const std::vector<int> order_;
  std::vector<double> remaining_;  // (clusters + 1) cost of order_[i ..]
  double bound_ = 0;               // no packing finishes earlier
  std::vector<double> loads_;
  std::vector<int> group_of_cluster_;
  Packing best_;
};

// A way to split some of the clusters over the groups: sets by decreasing load.
struct Partition {
  struct Set {
    double load = 0;
    std::vector<int> clusters;
  };
  std::vector<Set> sets;
  int number = 0;  // breaks ties

  double spread() const { return sets.front().load - sets.back().load; }
};

// Always the two partitions of the largest spread become one, the largest sets of the one with the smallest of the
// other.
Partition LargestDifferencing(absl::Span<const double> costs, size_t groups) {
  const auto wider = [](const Partition& a, const Partition& b) {
    return std::pair(-a.spread(), a.number) < std::pair(-b.spread(), b.number);
  };
  std::multiset<Partition, decltype(wider)> partitions(wider);
  for (size_t c = 0; c < costs.size(); ++c) {
    Partition single{std::vector<Partition::Set>(groups), static_cast<int>(c)};
    single.sets[0] = {costs[c], {static_cast<int>(c)}};
    partitions.insert(std::move(single));
  }
  while (partitions.size() > 1) {
    Partition merged = std::move(partitions.extract(partitions.begin()).value());
    const Partition other = std::move(partitions.extract(partitions.begin()).value());
    for (size_t g = 0; g < groups; ++g) {
      Partition::Set& set = merged.sets[g];
      const Partition::Set& added = other.sets[groups - 1 - g];
      set.load += added.load;
      set.clusters.insert(set.clusters.end(), added.clusters.begin(), added.clusters.end());
    }
    std::stable_sort(merged.sets.begin(), merged.sets.end(),
                     [](const Partition::Set& a, const Partition::Set& b) { return a.load > b.load; });
    partitions.insert(std::move(merged));
  }
  return *partitions.begin();
}

// One cluster of the latest group moves where the later of the two groups then finishes earliest, while that helps.
void MoveFromLatest(absl::Span<const double> costs, absl::Span<const double> capacities, Packing* packing) {
  std::vector<double> loads = Loads(costs, packing->group_of_cluster, capacities.size());
  while (true) {
    size_t latest = 0;
    for (size_t g = 1; g < loads.size(); ++g) {
      if (loads[g] / capacities[g] > loads[latest] / capacities[latest]) latest = g;
    }
    double best_finish = loads[latest] / capacities[latest] * (1 - kSame);
    int best_cluster = -1, best_group = -1;
    for (size_t c = 0; c < costs.size(); ++c) {
      if (packing->group_of_cluster[c] != static_cast<int>(latest)) continue;
      for (size_t g = 0; g < loads.size(); ++g) {
        const double finish =
            std::max((loads[latest] - costs[c]) / capacities[latest], (loads[g] + costs[c]) / capacities[g]);
        if (g == latest || finish >= best_finish) continue;
        best_finish = finish;
        best_cluster = static_cast<int>(c);
        best_group = static_cast<int>(g);
      }
    }
    if (best_cluster < 0) break;
    packing->group_of_cluster[best_cluster] = best_group;
    loads = Loads(costs, packing->group_of_cluster, capacities.size());
  }
  packing->finish = LatestFinish(loads, capacities);
}

Packing Heuristic(absl::Span<const double> costs, absl::Span<const double> capacities) {
  Packing packing{std::vector<int>(costs.size()), 0};
  if (costs.empty()) return packing;
  const Partition partition = LargestDifferencing(costs, capacities.size());
  const std::vector<int> by_capacity = ByDecreasing(capacities);
  for (size_t i = 0; i < partition.sets.size(); ++i) {
    for (const int cluster : partition.sets[i].clusters) packing.group_of_cluster[cluster] = by_capacity[i];
  }
  MoveFromLatest(costs, capacities, &packing);
  return packing;
}

std::vector<double> WithUnknownFilledIn(absl::Span<const double> seconds) {
  std::vector<double> filled(seconds.begin(), seconds.end());
  const auto known = std::count_if(filled.begin(), filled.end(), [](double s) { return s > 0; });
  const double mean = known > 0 ? Sum(seconds) / static_cast<double>(known) : 1;
  for (double& s : filled) {
    if (!(s > 0)) s = mean;
  }
  return filled;
}

// Workers to the groups by their clusters, clusters to the groups by their workers, in turn until that no longer helps.
GroupPlan PlanFrom(std::vector<double> capacities, absl::Span<const double> costs,
                   absl::Span<const int32_t> worker_slots, int max_steps) {
  const size_t groups = capacities.size();
  GroupPlan best;
  while (true) {
    const Packing packing = PackClusters(costs, capacities, max_steps);
    GroupPlan plan{packing.group_of_cluster, {}, std::vector<double>(groups), 0};
    plan.group_of_worker = ShareWorkers(Loads(costs, plan.group_of_cluster, groups), worker_slots);
    for (size_t w = 0; w < worker_slots.size(); ++w) plan.capacity[plan.group_of_worker[w]] += worker_slots[w];
    plan.imbalance = Imbalance(plan, costs);
    if (best.groups() > 0 && !(plan.imbalance < best.imbalance - kSame)) return best;
    capacities = plan.capacity;
    best = std::move(plan);
  }
}

// Where that ends depends on where it begins: with equal groups, or with a first one that is so much larger.
constexpr double kFirstGroups[] = {1, 1.5, 2, 3, 5};

GroupPlan PlanExactly(size_t groups, absl::Span<const double> costs, absl::Span<const int32_t> worker_slots,
                      int max_steps) {
  GroupPlan best;
  for (const double first : kFirstGroups) {
    std::vector<double> capacities(groups, 1.0);
    capacities[0] = first;
    GroupPlan plan = PlanFrom(std::move(capacities), costs, worker_slots, max_steps);
    if (best.groups() == 0 || plan.imbalance < best.imbalance - kSame) best = std::move(plan);
  }
  return best;
}

}  // namespace

Packing PackClusters(absl::Span<const double> costs, absl::Span<const double> capacities, int max_steps) {
  Packing packing = Heuristic(costs, capacities);
  if (costs.size() > kExactClusters) return packing;
  return BranchAndBound(costs, capacities, std::move(packing), max_steps).Run();
}

std::vector<int> ShareWorkers(absl::Span<const double> loads, absl::Span<const int32_t> slots) {
  const std::vector<double> sizes(slots.begin(), slots.end());
  std::vector<double> capacities(loads.size());
  std::vector<int> group_of_worker(slots.size());
  for (const int worker : ByDecreasing(sizes)) {
    const auto later = [&](size_t a, size_t b) {  // a group without a worker never finishes
      const bool a_empty = capacities[a] == 0, b_empty = capacities[b] == 0;
      if (a_empty != b_empty) return a_empty;
      return a_empty ? loads[a] > loads[b] : loads[a] / capacities[a] > loads[b] / capacities[b];
    };
    size_t latest = 0;
    for (size_t g = 1; g < loads.size(); ++g) {
      if (later(g, latest)) latest = g;
    }
    capacities[latest] += slots[worker];
    group_of_worker[worker] = static_cast<int>(latest);
  }
  return group_of_worker;
}

GroupPlan PlanGroups(absl::Span<const double> cluster_seconds, absl::Span<const int32_t> worker_slots, int groups) {
  const std::vector<double> costs = WithUnknownFilledIn(cluster_seconds);
  const size_t most = std::min({costs.size(), worker_slots.size(), static_cast<size_t>(std::max(groups, 1))});
  if (most == 0) return {std::vector<int>(costs.size()), std::vector<int>(worker_slots.size()), {}, 0};
  // A fraction of a second for all packings together.
  const int max_steps = kMaxPackingSteps / static_cast<int>(std::size(kFirstGroups) * most);
  GroupPlan best = PlanExactly(most, costs, worker_slots, max_steps);
  for (size_t fewer = most - 1; fewer >= 2 && best.imbalance > kWorthAMove; --fewer) {
    GroupPlan plan = PlanExactly(fewer, costs, worker_slots, max_steps);
    if (WorthAMove(best.imbalance, plan.imbalance)) best = std::move(plan);
  }
  return best;
}

double Imbalance(const GroupPlan& plan, absl::Span<const double> cluster_seconds) {
  if (plan.groups() == 0) return 0;
  const std::vector<double> loads = GroupSeconds(plan, cluster_seconds);
  return LatestFinish(loads, plan.capacity) / (Sum(loads) / Sum(plan.capacity)) - 1;
}

std::vector<double> GroupSeconds(const GroupPlan& plan, absl::Span<const double> cluster_seconds) {
  return Loads(WithUnknownFilledIn(cluster_seconds), plan.group_of_cluster, plan.capacity.size());
}

}  // namespace seedcast
