#include "coordinator/schedule/cluster_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace seedcast {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using Costs = std::vector<double>;

double FinishOf(const Costs& costs, const Costs& capacities, const std::vector<int>& group_of_cluster) {
  Costs loads(capacities.size());
  for (size_t c = 0; c < costs.size(); ++c) loads[group_of_cluster[c]] += costs[c];
  double latest = 0;
  for (size_t g = 0; g < loads.size(); ++g) latest = std::max(latest, loads[g] / capacities[g]);
  return latest;
}

// Every way to give `things` one of `groups` groups each.
template <typename Visit>
void ForEachAssignment(size_t things, size_t groups, Visit visit) {
  std::vector<int> group_of(things);
  while (true) {
    visit(group_of);
    size_t i = 0;
    while (i < things && ++group_of[i] == static_cast<int>(groups)) group_of[i++] = 0;
    if (i == things) return;
  }
}

double BestFinish(const Costs& costs, const Costs& capacities) {
  double best = std::numeric_limits<double>::infinity();
  ForEachAssignment(costs.size(), capacities.size(), [&](const std::vector<int>& group_of_cluster) {
    best = std::min(best, FinishOf(costs, capacities, group_of_cluster));
  });
  return best;
}

// The largest half of the best split in two: by symmetry the first cluster is in the first half.
double BestHalf(const Costs& costs) {
  const double sum = std::accumulate(costs.begin(), costs.end(), 0.0);
  double best = sum;
  for (uint32_t others = 0; others < uint32_t{1} << (costs.size() - 1); ++others) {
    double half = costs[0];
    for (size_t c = 1; c < costs.size(); ++c) half += (others >> (c - 1) & 1) * costs[c];
    best = std::min(best, std::max(half, sum - half));
  }
  return best;
}

// Of all plans for exactly so many groups, clusters and workers together.
double BestPlannedFinish(const Costs& costs, const std::vector<int32_t>& slots, size_t groups) {
  double best = std::numeric_limits<double>::infinity();
  ForEachAssignment(slots.size(), groups, [&](const std::vector<int>& group_of_worker) {
    Costs capacities(groups);
    for (size_t w = 0; w < slots.size(); ++w) capacities[group_of_worker[w]] += slots[w];
    if (std::count(capacities.begin(), capacities.end(), 0) > 0) return;
    best = std::min(best, BestFinish(costs, capacities));
  });
  return best;
}

double FinishOf(const Costs& costs, const GroupPlan& plan) {
  return FinishOf(costs, plan.capacity, plan.group_of_cluster);
}

TEST(PackClustersTest, PacksKnownCases) {
  const struct {
    const char* why;
    Costs costs, capacities;
    double finish;
  } cases[] = {
      {"one cluster, one group", {3}, {1}, 3},
      {"everything in one group", {1, 2, 3}, {1}, 6},
      {"a perfect half", {8, 7, 6, 5, 4}, {1, 1}, 15},
      {"largest first would give 7", {3, 3, 2, 2, 2}, {1, 1}, 6},
      {"one cluster outweighs the rest", {100, 1, 1, 1}, {1, 1, 1}, 100},
      {"a cluster a group", {1, 2, 3}, {1, 1, 1}, 3},
      {"a group may stay empty when others are quicker", {1, 1}, {10, 1}, 0.2},
      {"two thirds and one third", {1, 1, 1, 1, 1, 1}, {2, 1}, 2},
  };
  for (const auto& c : cases) {
    const Packing packing = PackClusters(c.costs, c.capacities);
    EXPECT_NEAR(packing.finish, c.finish, 1e-9) << c.why;
    EXPECT_NEAR(FinishOf(c.costs, c.capacities, packing.group_of_cluster), packing.finish, 1e-12) << c.why;
  }
}

class PackingProperty : public ::testing::TestWithParam<int> {
 protected:
  double Between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
  Costs Draw(size_t count, double low, double high) {
    Costs values(count);
    for (double& value : values) value = Between(low, high);
    return values;
  }
  std::mt19937 random_{static_cast<uint32_t>(GetParam())};
};

TEST_P(PackingProperty, IsAsGoodAsTheBestOfAllPackings) {
  const size_t clusters = 1 + random_() % 8, groups = 1 + random_() % 4;
  Costs costs = Draw(clusters, 0.1, 10);
  if (random_() % 2 == 0) std::for_each(costs.begin(), costs.end(), [](double& c) { c = std::ceil(c); });  // with ties
  const Costs capacities = random_() % 2 == 0 ? Costs(groups, 1.0) : Draw(groups, 1, 8);
  EXPECT_NEAR(PackClusters(costs, capacities).finish, BestFinish(costs, capacities), 1e-9);
}

TEST_P(PackingProperty, UpToSixteenClustersAreSplitInTheBestHalves) {
  const size_t clusters = 9 + GetParam() % 8;
  ASSERT_LE(clusters, kExactClusters);
  Costs costs = Draw(clusters, 0.1, 10);
  if (random_() % 2 == 0) std::for_each(costs.begin(), costs.end(), [](double& c) { c = std::ceil(c); });  // with ties
  EXPECT_NEAR(PackClusters(costs, {1, 1}).finish, BestHalf(costs), 1e-9);
}

// Clusters are packed and workers shared out in turn, which need not end at the best of both, but does not end further
// from it than a move is worth.
TEST_P(PackingProperty, PlansAreCloseToTheBestOfAllPlans) {
  const size_t clusters = 2 + random_() % 5;
  std::vector<int32_t> slots(2 + random_() % 4);
  for (int32_t& s : slots) s = random_() % 2 == 0 ? 1 : static_cast<int32_t>(1 + random_() % 4);
  const Costs costs = Draw(clusters, 1, 10);
  double best = std::numeric_limits<double>::infinity();
  for (size_t groups = 2; groups <= std::min({clusters, slots.size(), size_t{3}}); ++groups) {
    best = std::min(best, BestPlannedFinish(costs, slots, groups));
    const GroupPlan plan = PlanGroups(costs, slots, static_cast<int>(groups));
    EXPECT_GE(FinishOf(costs, plan), best - 1e-9) << groups;
    EXPECT_LE(FinishOf(costs, plan), (1 + kWorthAMove) * best) << groups;
  }
}

// Beyond the exact range: no later than the lower bound plus the largest cluster, and with many clusters close to
// perfect.
TEST_P(PackingProperty, DifferencingIsCloseToPerfect) {
  const Costs costs = Draw(40, 1, 10);
  const size_t groups = 2 + random_() % 4;
  const Packing packing = PackClusters(costs, Costs(groups, 1.0));
  const double perfect = std::accumulate(costs.begin(), costs.end(), 0.0) / static_cast<double>(groups);
  EXPECT_THAT(packing.group_of_cluster, ::testing::Each(::testing::AllOf(Ge(0), Le(static_cast<int>(groups) - 1))));
  EXPECT_LT(packing.finish, 1.02 * perfect);
  EXPECT_NEAR(FinishOf(costs, Costs(groups, 1.0), packing.group_of_cluster), packing.finish, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PackingProperty, ::testing::Range(0, 60));

TEST(ShareWorkersTest, DecidesByLoad) {
  const struct {
    const char* why;
    Costs loads;
    std::vector<int32_t> slots;
    std::vector<int> expected;
  } cases[] = {
      {"one each", {1, 1}, {1, 1}, {0, 1}},
      {"the larger load gets the larger worker", {1, 9}, {1, 8}, {0, 1}},
      {"three quarters of the load, three quarters of the workers", {3, 1}, {1, 1, 1, 1}, {0, 1, 0, 0}},
      {"nobody goes without", {100, 0.001, 0.001}, {1, 1, 1}, {0, 1, 2}},
  };
  for (const auto& c : cases) EXPECT_EQ(ShareWorkers(c.loads, c.slots), c.expected) << c.why;
}

TEST(PlanGroupsTest, PlansAsSaid) {
  const struct {
    const char* why;
    Costs seconds;
    std::vector<int32_t> slots;
    int groups;
    int made;
    double imbalance;
  } cases[] = {
      {"nothing measured: equal costs", {0, 0, 0, 0}, {1, 1}, 2, 2, 0},
      {"five equal clusters on two workers", {1, 1, 1, 1, 1}, {1, 1}, 2, 2, 0.2},
      {"no more groups than workers", {1, 1, 1, 1}, {1, 1}, 4, 2, 0},
      {"no more groups than clusters", {1, 1}, {1, 1, 1, 1}, 4, 2, 0},
      {"a worker of four slots does four fifths", {1, 1, 1, 1, 1}, {4, 1}, 2, 2, 0},
      {"one cluster outweighs the rest: three of four workers", {6, 1, 1}, {1, 1, 1, 1}, 2, 2, 0},
      {"one group is no group", {5, 1}, {1, 1}, 1, 1, 0},
      {"three quarters in one of five clusters: with five groups 2.75",
       {12, 1, 1, 1, 1},
       {1, 1, 1, 1, 1},
       5,
       2,
       1.0 / 64},
      {"what is a little out of balance stays apart", {103, 100, 97}, {1, 1, 1}, 3, 3, 0.03},
  };
  for (const auto& c : cases) {
    const GroupPlan plan = PlanGroups(c.seconds, c.slots, c.groups);
    EXPECT_EQ(plan.groups(), c.made) << c.why;
    EXPECT_THAT(plan.imbalance, DoubleNear(c.imbalance, 1e-9)) << c.why;
    EXPECT_EQ(Imbalance(plan, c.seconds), plan.imbalance) << c.why;
  }
}

TEST(PlanGroupsTest, WithoutWorkersThereIsNoPlan) { EXPECT_EQ(PlanGroups(Costs{1, 2}, {}, 2).groups(), 0); }

TEST(PlanGroupsTest, AnUnknownClusterCountsAsTheMeanOfTheOthers) {
  const GroupPlan plan = PlanGroups(Costs{4, 0, 2}, std::vector<int32_t>{1, 1}, 2);
  EXPECT_THAT(GroupSeconds(plan, Costs{4, 0, 2}), ::testing::UnorderedElementsAre(4, 5));
}

TEST(PlanGroupsTest, EqualInputGivesEqualPlans) {
  const Costs seconds{3, 1, 4, 1, 5, 9, 2, 6};
  const std::vector<int32_t> slots{2, 1, 1};
  const GroupPlan a = PlanGroups(seconds, slots, 3), b = PlanGroups(seconds, slots, 3);
  EXPECT_EQ(a.group_of_cluster, b.group_of_cluster);
  EXPECT_EQ(a.group_of_worker, b.group_of_worker);
}

TEST(WorthAMoveTest, OnlyBeyondFivePoints) {
  EXPECT_FALSE(WorthAMove(0.05, 0));
  EXPECT_TRUE(WorthAMove(0.06, 0));
  EXPECT_FALSE(WorthAMove(0.24, 0.2)) << "what the other plan cannot help either";
}

// Costs of a few sizes on workers of ten sizes: took minutes when every packing was looked at.
TEST(PlanGroupsTest, UnequalWorkersAndLikeCostsAreQuick) {
  const Costs seconds{5, 5, 5, 5, 2, 3, 2, 3, 1, 1, 4, 5, 4, 1, 2, 2};
  const std::vector<int32_t> slots{21, 34, 2, 63, 32, 54, 50, 51, 39, 29};
  EXPECT_LE(PlanGroups(seconds, slots, 12).imbalance, 0.25);
}

// The simplest packing: the largest cluster that is left goes where it finishes earliest.
double LargestFirst(Costs costs, size_t groups) {
  std::sort(costs.rbegin(), costs.rend());
  Costs loads(groups);
  for (const double cost : costs) *std::min_element(loads.begin(), loads.end()) += cost;
  return *std::max_element(loads.begin(), loads.end());
}

// Sixteen clusters on any number of groups are decided at once, whatever their costs, and also where the search for the
// best is cut short.
TEST(PackClustersTest, SixteenClustersArePackedNoWorseThanLargestFirst) {
  std::mt19937 random(7);
  std::lognormal_distribution<double> cost(0, 1);
  for (size_t groups = 2; groups <= 16; ++groups) {
    Costs costs(kExactClusters);
    for (double& c : costs) c = cost(random);
    const Costs capacities(groups, 1.0);
    const double exact = PackClusters(costs, capacities).finish, cut_short = PackClusters(costs, capacities, 50).finish;
    EXPECT_LE(exact, LargestFirst(costs, groups) + 1e-9) << groups;
    EXPECT_LE(exact, cut_short) << groups;
    EXPECT_LE(cut_short, 1.1 * exact) << groups;
  }
}

}  // namespace
}  // namespace seedcast
