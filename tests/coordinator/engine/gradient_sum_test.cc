#include "coordinator/engine/gradient_sum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using Gradient = std::vector<float>;

TEST(GradientSumTest, EveryOrderOfArrivalGivesTheSumInOrderOfPairs) {
  const std::vector<Gradient> gradients = {{1e30f}, {1}, {-1e30f}, {1}};
  const double in_order = ((double{1e30f} + 1) - double{1e30f}) + 1;
  ASSERT_EQ(in_order, 1) << "another order would give 2 or 0";
  std::vector<int> order = {0, 1, 2, 3};
  do {
    GradientSum sum(1);
    for (const int pair : order) sum.Add(pair, gradients[pair]);
    ASSERT_THAT(sum.sum(), ElementsAre(in_order));
    ASSERT_EQ(sum.counted(), 4);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(GradientSumTest, PairsWithoutAGradientAreLeftOut) {
  GradientSum sum(2);
  sum.Add(1, {});
  sum.Add(2, Gradient{1, 2});
  sum.Add(0, Gradient{3, 4});
  EXPECT_THAT(sum.sum(), ElementsAre(4, 6));
  EXPECT_EQ(sum.counted(), 2);
}

GradientSum SumOf(const std::vector<Gradient>& gradients) {
  GradientSum sum(1);
  for (size_t p = 0; p < gradients.size(); ++p) sum.Add(static_cast<int64_t>(p), gradients[p]);
  return sum;
}

TEST(WeightedMeanTest, AveragesPairsThenClusters) {
  const struct {
    const char* why;
    std::vector<std::vector<Gradient>> clusters;
    std::vector<int32_t> weights;
    float mean;
  } cases[] = {
      {"one cluster: the mean over pairs", {{{1}, {2}, {6}}}, {5}, 3},
      {"equal weights", {{{1}}, {{2}, {4}}}, {1, 1}, 2},
      {"three to one", {{{1}}, {{5}}}, {3, 1}, 2},
      {"a cluster without any gradient has no say", {{{1}}, {{}, {}}}, {1, 9}, 1},
      {"nobody has one", {{{}}, {{}}}, {1, 1}, 0},
  };
  for (const auto& c : cases) {
    std::vector<GradientSum> sums;
    for (const auto& cluster : c.clusters) sums.push_back(SumOf(cluster));
    std::vector<const GradientSum*> pointers;
    for (const GradientSum& sum : sums) pointers.push_back(&sum);
    EXPECT_THAT(WeightedMean(pointers, c.weights), ElementsAre(c.mean)) << c.why;
  }
}

TEST(WeightedMeanTest, RoundsOnce) {
  // 1/3 in float32 is not 0.1f's neighbour of anything: the mean of three thirds must be what double division gives.
  const GradientSum sum = SumOf({{0.1f}, {0.1f}, {0.1f}});
  const GradientSum* pointers[] = {&sum};
  EXPECT_EQ(WeightedMean(pointers, std::vector<int32_t>{1})[0], 0.1f);
}

}  // namespace
}  // namespace seedcast::engine
