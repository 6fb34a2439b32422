#include "cli/clustering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace seedcast {
namespace {

using ::testing::ElementsAre;

TEST(ClusteringTest, CorrelatesRanksNotValues) {
  const Matrix correlation = RankCorrelations({{1, 2, 3, 4}, {1, 10, 100, 1e9}, {4, 3, 2, 1}, {5, 5, 5, 5}});
  EXPECT_DOUBLE_EQ(correlation[0][0], 1);
  EXPECT_DOUBLE_EQ(correlation[0][1], 1);
  EXPECT_DOUBLE_EQ(correlation[0][2], -1);
  EXPECT_EQ(correlation[0][3], 0) << "what does not vary tells nothing";
}

TEST(ClusteringTest, EqualsShareTheirMeanRank) {
  // Ranks 0.5 0.5 2 against 0 1 2.
  EXPECT_NEAR(RankCorrelations({{7, 7, 9}, {1, 2, 3}})[0][1], std::sqrt(3) / 2, 1e-12);
}

TEST(ClusteringTest, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DOUBLE_EQ(RankCorrelations({{1, nan, 2, 3}, {2, 9, 5, INFINITY}})[0][1], 1);
}

TEST(ClusteringTest, JoinsWhatIsMostAlike) {
  const Matrix correlation = {{1, 0.1, 0.9, 0}, {0.1, 1, 0, 0.8}, {0.9, 0, 1, 0.2}, {0, 0.8, 0.2, 1}};
  EXPECT_THAT(GroupByCorrelation(correlation, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(GroupByCorrelation(correlation, 3), ElementsAre(0, 1, 0, 2));
  EXPECT_THAT(GroupByCorrelation(correlation, 2), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(GroupByCorrelation(correlation, 1), ElementsAre(0, 0, 0, 0));
}

TEST(ClusteringTest, AveragesOverMembers) {
  // 2 is very like 0 and unlike 1; 3 is fairly like 2. Single linkage would join 2 to {0, 1} before 3.
  const Matrix correlation = {{1, 0.95, 0.9, 0}, {0.95, 1, -0.5, 0}, {0.9, -0.5, 1, 0.4}, {0, 0, 0.4, 1}};
  EXPECT_THAT(GroupByCorrelation(correlation, 2), ElementsAre(0, 0, 1, 1));
}

}  // namespace
}  // namespace seedcast
