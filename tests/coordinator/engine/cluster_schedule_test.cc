#include "coordinator/engine/cluster_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr int64_t kPairs = 10;
const ClusterSchedule::Server kTwo[] = {{1, 1}, {2, 1}};

// Measured so often that smoothing has settled: seconds of a pair, by cluster.
void Settle(ClusterSchedule& schedule, const std::vector<double>& unit_seconds) {
  for (int i = 0; i < 60; ++i) {
    for (size_t c = 0; c < unit_seconds.size(); ++c) {
      schedule.Measure(static_cast<int>(c), unit_seconds[c] * kPairs, kPairs);
    }
  }
}

TEST(ClusterScheduleTest, OneGroupNeedsNoPlan) {
  for (ClusterSchedule schedule : {ClusterSchedule(1, kPairs, 0), ClusterSchedule(5, kPairs, 1)}) {
    schedule.WorkersChanged();
    EXPECT_FALSE(schedule.stale());
    EXPECT_EQ(schedule.groups(), 1);
    EXPECT_EQ(schedule.GroupOfWorker(77), 0);
    EXPECT_EQ(schedule.GroupOf(0), 0);
  }
}

TEST(ClusterScheduleTest, PlansForTheWorkersThereAre) {
  ClusterSchedule schedule(3, kPairs, 0);
  EXPECT_TRUE(schedule.stale());
  schedule.Plan({});
  EXPECT_EQ(schedule.groups(), 1);
  schedule.WorkersChanged();
  EXPECT_TRUE(schedule.stale());
  schedule.Plan(kTwo);
  EXPECT_EQ(schedule.groups(), 2);
  EXPECT_THAT((std::vector{schedule.GroupOfWorker(1), schedule.GroupOfWorker(2)}), UnorderedElementsAre(0, 1));
  EXPECT_EQ(schedule.GroupOfWorker(3), -1) << "not in the plan";
  EXPECT_EQ(schedule.WorkersOf(0), 1);
}

TEST(ClusterScheduleTest, AnUnmeasuredClusterIsTakenForTheMean) {
  ClusterSchedule schedule(3, kPairs, 0);
  EXPECT_EQ(schedule.PredictedUnitSeconds(0), 1);
  schedule.Measure(0, 20, kPairs);
  schedule.Measure(1, 40, kPairs);
  EXPECT_EQ(schedule.UnitSeconds(2), 0);
  EXPECT_EQ(schedule.PredictedUnitSeconds(2), 3);
  EXPECT_EQ(schedule.PredictedUnitSeconds(1), 4);
}

TEST(ClusterScheduleTest, MovesNothingForSmallDrift) {
  ClusterSchedule schedule(4, kPairs, 2);
  Settle(schedule, {4, 1, 1, 2});
  schedule.Plan(kTwo);
  const int with_the_large = schedule.GroupOf(0);
  EXPECT_NE(schedule.GroupOf(3), with_the_large);
  Settle(schedule, {4, 1, 1, 2.3});  // 4 against 4.3: three and a half points
  schedule.FollowDrift();
  EXPECT_NE(schedule.GroupOf(1), with_the_large);
  EXPECT_THAT(schedule.PredictedGroupSeconds(),
              UnorderedElementsAre(testing::DoubleNear(40, 1e-6), testing::DoubleNear(43, 1e-6)));
}

TEST(ClusterScheduleTest, FollowsLargeDrift) {
  ClusterSchedule schedule(4, kPairs, 2);
  Settle(schedule, {4, 1, 1, 2});
  schedule.Plan(kTwo);
  Settle(schedule, {1, 1, 4, 2});
  schedule.FollowDrift();
  EXPECT_THAT(schedule.PredictedGroupSeconds(),
              ElementsAre(testing::DoubleNear(40, 1e-6), testing::DoubleNear(40, 1e-6)));
}

// Between two questions about groups workers left and costs drifted: the plan to come is for those who are there.
TEST(ClusterScheduleTest, DriftMakesNoPlanForWorkersThatAreGone) {
  ClusterSchedule schedule(4, kPairs, 2);
  Settle(schedule, {4, 1, 1, 2});
  schedule.Plan(kTwo);
  Settle(schedule, {1, 1, 4, 2});
  schedule.WorkersChanged();
  schedule.FollowDrift();
  EXPECT_TRUE(schedule.stale());
}

// One cluster outweighs the rest: no plan is better than the present one, which then stays, until one is.
TEST(ClusterScheduleTest, StaysWhereNothingBetterIsToBeHad) {
  ClusterSchedule schedule(3, kPairs, 2);
  Settle(schedule, {4, 2, 2});
  schedule.Plan(kTwo);
  const std::vector<int> before = {schedule.GroupOf(0), schedule.GroupOf(1), schedule.GroupOf(2)};
  Settle(schedule, {100, 2, 2});
  schedule.FollowDrift();
  EXPECT_EQ((std::vector{schedule.GroupOf(0), schedule.GroupOf(1), schedule.GroupOf(2)}), before);
  Settle(schedule, {4, 8, 4});
  schedule.FollowDrift();
  EXPECT_EQ(schedule.GroupOf(0), schedule.GroupOf(2));
  EXPECT_NE(schedule.GroupOf(0), schedule.GroupOf(1));
}

// Less out of balance than when it was planned, but now there is a better plan.
TEST(ClusterScheduleTest, FollowsDriftThatMakesABetterPlanPossible) {
  ClusterSchedule schedule(4, kPairs, 2);
  Settle(schedule, {100, 2, 2, 2});  // {0}, {1, 2, 3}: nine tenths beyond the mean
  schedule.Plan(kTwo);
  Settle(schedule, {1, 4, 1, 2});
  schedule.FollowDrift();
  EXPECT_THAT(schedule.PredictedGroupSeconds(),
              ElementsAre(testing::DoubleNear(40, 1e-6), testing::DoubleNear(40, 1e-6)));
}

// A plan that is made again from like costs is not better, and moves nothing.
TEST(ClusterScheduleTest, DoesNotFlap) {
  ClusterSchedule schedule(5, kPairs, 2);
  Settle(schedule, {1, 1, 1, 1, 1});
  schedule.Plan(kTwo);  // 3 against 2: a fifth beyond the mean
  const auto groups = [&] {
    std::vector<int> groups;
    for (int c = 0; c < 5; ++c) groups.push_back(schedule.GroupOf(c));
    return groups;
  };
  const std::vector<int> before = groups();
  for (int i = 0; i < 20; ++i) {
    std::vector<double> costs(5, 1);
    costs[i % 5] = 1.1;
    Settle(schedule, costs);
    schedule.FollowDrift();
    EXPECT_EQ(groups(), before) << "after step " << i;
  }
}

}  // namespace
}  // namespace seedcast::engine
