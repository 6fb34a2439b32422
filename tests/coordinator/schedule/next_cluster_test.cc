#include "coordinator/schedule/next_cluster.h"

#include <gtest/gtest.h>

#include <vector>

namespace seedcast {
namespace {

constexpr Reach kNothing = Reach::kNothing, kElsewhere = Reach::kElsewhere, kAtHand = Reach::kAtHand;

TEST(NextClusterTest, DecidesByStateThenGroupThenLength) {
  const struct {
    const char* why;
    std::vector<ClusterCandidate> clusters;  // reach, group, seconds of a pair, seconds pending
    int group;
    std::vector<double> group_slots;
    std::optional<size_t> expected;
  } cases[] = {
      {"nothing to do", {{kNothing, 0, 1, 0}, {kNothing, 1, 1, 5}}, 0, {1, 1}, std::nullopt},
      {"its own group first", {{kAtHand, 1, 9, 90}, {kAtHand, 0, 1, 1}}, 0, {1, 1}, 1},
      {"of its group the longest pairs", {{kAtHand, 0, 1, 50}, {kAtHand, 0, 3, 3}}, 0, {1, 1}, 1},
      {"ties go to the first", {{kAtHand, 0, 1, 5}, {kAtHand, 0, 1, 9}}, 0, {1}, 0},
      {"then the group with most left", {{kAtHand, 1, 1, 5}, {kAtHand, 2, 1, 9}, {kNothing, 0, 1, 0}}, 0, {1, 1, 1}, 1},
      {"most left for its slots", {{kAtHand, 1, 1, 5}, {kAtHand, 2, 1, 9}}, 0, {1, 1, 2}, 0},
      {"a worker without a group helps where most is left", {{kAtHand, 0, 1, 5}, {kAtHand, 1, 1, 9}}, -1, {1, 1}, 1},
      {"what others have the state of comes last", {{kElsewhere, 0, 9, 99}, {kAtHand, 1, 1, 1}}, 0, {1, 1}, 1},
      {"but it comes", {{kElsewhere, 0, 9, 99}, {kNothing, 1, 1, 1}}, 0, {1, 1}, 0},
  };
  for (const auto& c : cases) EXPECT_EQ(NextCluster(c.clusters, c.group, c.group_slots), c.expected) << c.why;
}

}  // namespace
}  // namespace seedcast
