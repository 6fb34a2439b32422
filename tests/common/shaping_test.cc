#include "common/strategy/shaping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/noise/philox.h"

namespace seedcast {
namespace {

using ::testing::ElementsAreArray;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr auto kCentered = v1::Strategy::CENTERED_RANKS;
constexpr auto kSigned = v1::Strategy::SIGNED_RANKS;
constexpr auto kNormalized = v1::Strategy::NORMALIZED_DIFFERENCES;

struct ShapingCase {
  const char* name;
  v1::Strategy::Shaping shaping;
  std::vector<float> fitness;    // members 0+, 0-, 1+, 1-, ...
  std::vector<int32_t> weights;  // pairs
};

class ShapingTest : public ::testing::TestWithParam<ShapingCase> {};

TEST_P(ShapingTest, GivesTheseWeights) {
  EXPECT_THAT(PairWeights(GetParam().shaping, GetParam().fitness), ElementsAreArray(GetParam().weights));
}

INSTANTIATE_TEST_SUITE_P(
    All, ShapingTest,
    ::testing::Values(ShapingCase{"ranks", kCentered, {1, 2, 4, 3}, {-2, 2}},
                      ShapingCase{"ranks_far_apart", kCentered, {10, -10, 0, 1}, {6, -2}},
                      ShapingCase{"ranks_ignore_magnitude", kCentered, {1e30f, -1e30f, 0, 1}, {6, -2}},
                      ShapingCase{"tied_pair", kCentered, {5, 5, 1, 9}, {0, -6}},
                      ShapingCase{"ties_across_pairs_share_the_mean_rank", kCentered, {2, 1, 2, 3}, {3, -3}},
                      ShapingCase{"all_tied", kCentered, {7, 7, 7, 7}, {0, 0}},
                      ShapingCase{"nan_is_worst", kCentered, {kNaN, -100, 1, 0}, {-2, 2}},
                      ShapingCase{"infinity_is_no_better_than_nan", kCentered, {kInf, -100, -kInf, 0}, {-3, -5}},
                      ShapingCase{"all_failed", kCentered, {kNaN, kInf, -kInf, kNaN}, {0, 0}},
                      ShapingCase{"zeros_of_both_signs_tie", kCentered, {0.0f, -0.0f, 1, 2}, {0, -2}},
                      ShapingCase{"signed_ranks", kSigned, {1, 0, 0, 3, 2, 0}, {2, -6, 4}},
                      ShapingCase{"signed_ranks_tie", kSigned, {1, 0, 0, 1, 5, 0}, {3, -3, 6}},
                      ShapingCase{"no_difference_weighs_nothing", kSigned, {4, 4, 0, 1, 5, 0}, {0, -4, 6}},
                      ShapingCase{"failed_pairs_have_no_rank", kSigned, {kNaN, 4, 0, 1, 5, 0}, {0, -2, 4}},
                      ShapingCase{"infinite_pairs_have_no_rank", kSigned, {1, 0, 0, 2, kInf, 0}, {2, -4, 0}},
                      ShapingCase{"all_pairs_failed", kSigned, {kNaN, 4, 0, -kInf}, {0, 0}},
                      ShapingCase{"normalized", kNormalized, {1, 0, 0, 1}, {4096, -4096}},
                      ShapingCase{"normalized_by_root_mean_square", kNormalized, {3, 0, 0, 4}, {3476, -4634}},
                      ShapingCase{"normalized_whatever_the_scale", kNormalized, {3e30f, 0, 0, 4e30f}, {3476, -4634}},
                      ShapingCase{
                          "normalized_without_failed_pairs", kNormalized, {1, 0, kNaN, 1, 0, 1}, {4096, 0, -4096}},
                      ShapingCase{"normalized_all_equal", kNormalized, {2, 2, 3, 3}, {0, 0}},
                      ShapingCase{"normalized_all_failed", kNormalized, {kNaN, 2, kInf, 3}, {0, 0}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(NormalizedDifferencesTest, ClipOutliersAtFourRootMeanSquares) {
  std::vector<float> fitness(200);
  fitness[0] = 1000;
  EXPECT_EQ(PairWeights(kNormalized, fitness)[0], 4 * 4096);  // ten root mean squares
}

TEST(CenteredRanksTest, StayInTheirBoundForTheLargestPopulation) {
  std::vector<float> fitness(1 << 20);
  for (size_t i = 0; i < fitness.size(); ++i) fitness[i] = static_cast<float>(i % 2 == 0 ? i : -static_cast<double>(i));
  for (const int32_t weight : PairWeights(kCentered, fitness)) ASSERT_LT(std::abs(weight), 1 << 22);
}

// With utilities that do not depend on the noise, g_i has variance scale^2 * sum w^2 ~ 1/P: the scale of a mean.
TEST(EstimateScaleTest, MakesPopulationsOfAnySizeComparable) {
  for (const auto shaping : {kCentered, kSigned, kNormalized}) {
    for (const int population : {64, 512, 4096}) {
      std::vector<float> fitness(population);
      PhiloxStream stream(1, 0, 0, 9);
      for (float& value : fitness) value = stream.Uniform();
      double squares = 0;
      for (const int32_t weight : PairWeights(shaping, fitness)) squares += static_cast<double>(weight) * weight;
      const double scale = EstimateScale(shaping, population);
      const double expected = shaping == kCentered ? 0.5 : 1;  // two members average, a difference does not
      EXPECT_NEAR(scale * scale * squares * population / 2, expected, 0.25) << population;
    }
  }
}

}  // namespace
}  // namespace seedcast
