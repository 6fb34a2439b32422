#include "common/strategy/estimator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "common/math/elementary.h"
#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/strategy/shaping.h"

namespace seedcast {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

struct Shape {
  v1::Unroll::Lengths lengths;
  int count;
  int restarts;
  int64_t pairs;
  int64_t first_generation = 0;
};

v1::JobSpec JobOf(v1::Strategy::Estimator estimator, const Shape& shape) {
  v1::JobSpec spec;
  spec.set_seed(77);
  spec.set_generations(100'000);
  spec.set_first_generation(shape.first_generation);
  v1::Unroll* unroll = spec.mutable_influence()->mutable_unroll();
  unroll->set_lengths(shape.lengths);
  unroll->set_count(shape.count);
  unroll->set_restarts(shape.restarts);
  spec.mutable_strategy()->set_estimator(estimator);
  spec.mutable_strategy()->set_population_size(2 * shape.pairs);
  return Resolve(spec).value();
}

v1::JobSpec TwoClusters() {
  v1::JobSpec spec;
  spec.set_generations(10);
  for (const char* name : {"a", "b"}) {
    auto* cluster = spec.mutable_learned_optimizer()->add_clusters();
    cluster->set_name(name);
    cluster->add_problems("bowl");
  }
  spec.mutable_learned_optimizer()->mutable_clusters(1)->set_weight(3);
  spec.mutable_strategy()->set_population_size(8);
  return spec;
}

constexpr Shape kShapes[] = {
    {v1::Unroll::FIXED, 1, 1, 3},        {v1::Unroll::FIXED, 5, 1, 3},        {v1::Unroll::FIXED, 5, 3, 4},
    {v1::Unroll::FIXED, 4, 2, 50},       {v1::Unroll::FIXED, 7, 3, 9, 11},    {v1::Unroll::EXPONENTIAL, 1, 1, 3},
    {v1::Unroll::EXPONENTIAL, 5, 1, 20}, {v1::Unroll::EXPONENTIAL, 3, 4, 20}, {v1::Unroll::EXPONENTIAL, 3, 2, 9, 17},
};

TEST(BoundaryTest, StartsAreTheNewestBoundariesAndTheOldestIsOfAllPairs) {
  for (const Shape& shape : kShapes) {
    const v1::JobSpec spec = JobOf(v1::Strategy::PES, shape);
    std::map<int64_t, int64_t> reset, start;  // by pair
    for (int64_t g = shape.first_generation; g < shape.first_generation + 120; ++g) {
      int64_t oldest = g;
      for (int64_t p = 0; p < shape.pairs; ++p) {
        const Boundary boundary = BoundaryBefore(spec, g, p);
        ASSERT_TRUE(g > shape.first_generation || boundary == Boundary::kReset);
        if (boundary == Boundary::kReset) reset[p] = g;
        if (boundary != Boundary::kNone) start[p] = g;
        ASSERT_EQ(ResetGeneration(spec, g, p), reset[p]) << shape.count << " " << g << " " << p;
        ASSERT_EQ(TrainingStart(spec, g, p), start[p]) << shape.count << " " << g << " " << p;
        oldest = std::min(oldest, reset[p]);
      }
      ASSERT_EQ(OldestReset(spec, g), oldest) << shape.count << " " << shape.pairs << " " << g;
    }
  }
}

TEST(BoundaryTest, FixedLengthsAreStaggered) {
  const v1::JobSpec spec = JobOf(v1::Strategy::PES, {v1::Unroll::FIXED, 4, 3, 24});
  for (int64_t g = 12; g < 40; ++g) {
    std::map<int64_t, int> ages;
    for (int64_t p = 0; p < 24; ++p) ++ages[g - ResetGeneration(spec, g, p)];
    EXPECT_THAT(ages, SizeIs(12));
    for (const auto& [age, pairs] : ages) EXPECT_EQ(pairs, 2) << "of age " << age;
  }
  EXPECT_EQ(BoundaryBefore(spec, 10, 2), Boundary::kReset);
  EXPECT_EQ(BoundaryBefore(spec, 14, 2), Boundary::kRestart);
  EXPECT_EQ(BoundaryBefore(spec, 15, 2), Boundary::kNone);
}

TEST(BoundaryTest, ExponentialLengthsHaveTheStatedMeans) {
  const v1::JobSpec spec = JobOf(v1::Strategy::PES, {v1::Unroll::EXPONENTIAL, 8, 5, 100});
  std::map<Boundary, double> seen;
  constexpr int kDraws = 100 * 1000;
  for (int64_t g = 1; g <= 1000; ++g) {
    for (int64_t p = 0; p < 100; ++p) ++seen[BoundaryBefore(spec, g, p)];
  }
  const double ends = seen[Boundary::kRestart] + seen[Boundary::kReset];
  EXPECT_NEAR(ends / kDraws, 1.0 / 8, 4 * std::sqrt(7.0 / 64 / kDraws));
  EXPECT_NEAR(seen[Boundary::kReset] / ends, 1.0 / 5, 4 * std::sqrt(4.0 / 25 / ends));
}

TEST(BoundaryTest, FullEsResetsEveryGeneration) {
  const v1::JobSpec spec = JobOf(v1::Strategy::FULL_ES, {v1::Unroll::FIXED, 4, 3, 24});
  EXPECT_EQ(BoundaryBefore(spec, 7, 3), Boundary::kReset);
  EXPECT_EQ(ResetGeneration(spec, 7, 3), 7);
  EXPECT_EQ(TrainingStart(spec, 7, 3), 7);
  EXPECT_EQ(OldestReset(spec, 7), 7);
}

// A float in (0, 1), as the comment above UnrollSteps says.
double UniformOf(const v1::JobSpec& spec, uint32_t number, uint32_t who, uint32_t generation) {
  PhiloxStream stream(spec.seed(), who, generation, static_cast<uint32_t>(NoiseDomain::kSchedule));
  for (uint32_t skipped = 0; skipped < 4 * number; ++skipped) stream.Next();
  return stream.Uniform();
}

TEST(UnrollLengthTest, FixedIsFixed) {
  const v1::JobSpec spec = JobOf(v1::Strategy::PES, {v1::Unroll::FIXED, 4, 3, 24});
  EXPECT_EQ(UnrollSteps(spec, 5, 0, 2, 0), 100);
  EXPECT_EQ(UnrollsOfEvaluation(spec, 5, 0, 2), 4);
}

TEST(UnrollLengthTest, NoneIsLongerThanTheLeastNumberDraws) {
  EXPECT_EQ(MostUnrollSteps(JobOf(v1::Strategy::PES, {v1::Unroll::FIXED, 4, 3, 24})), 100);
  const v1::JobSpec spec = JobOf(v1::Strategy::PES, {v1::Unroll::EXPONENTIAL, 4, 3, 24});
  const v1::Unroll& unroll = UnrollOf(spec);
  EXPECT_EQ(MostUnrollSteps(spec), unroll.min_steps() + std::nearbyint(unroll.steps() * 24 * std::log(2)));
  for (int64_t g = 0; g < 10'000; ++g) ASSERT_LE(UnrollSteps(spec, g, 0, 0, 0), MostUnrollSteps(spec));
}

TEST(UnrollLengthTest, OneDrawServesAllUnlessIndependent) {
  v1::JobSpec spec = TwoClusters();
  spec.mutable_learned_optimizer()->mutable_unroll()->set_lengths(v1::Unroll::EXPONENTIAL);
  spec.mutable_learned_optimizer()->mutable_unroll()->set_count(40);
  spec = Resolve(spec).value();
  std::set<int64_t> steps, unrolls;
  for (int cluster : {0, 1}) {
    for (int64_t p = 0; p < 4; ++p) {
      steps.insert(UnrollSteps(spec, 5, cluster, p, 2));
      unrolls.insert(UnrollsOfEvaluation(spec, 5, cluster, p));
    }
  }
  EXPECT_THAT(steps, ::testing::ElementsAre(50 + std::nearbyint(-100 * Log(UniformOf(spec, 3, 0, 5)))));
  EXPECT_THAT(unrolls, ::testing::ElementsAre(1 + std::floor(Log(UniformOf(spec, 0, 0, 5)) / Log(1 - 1 / 40.0))));

  spec.mutable_learned_optimizer()->mutable_unroll()->set_independent(true);
  const uint32_t who = (1 << 20) + 3 + 1;  // cluster 1, pair 3
  EXPECT_EQ(UnrollSteps(spec, 5, 1, 3, 2), 50 + std::nearbyint(-100 * Log(UniformOf(spec, 3, who, 5))));
  EXPECT_EQ(UnrollsOfEvaluation(spec, 5, 1, 3), 1 + std::floor(Log(UniformOf(spec, 0, who, 5)) / Log(1 - 1 / 40.0)));
}

TEST(UnrollLengthTest, ExponentialHasTheStatedMeans) {
  const v1::JobSpec spec = JobOf(v1::Strategy::FULL_ES, {v1::Unroll::EXPONENTIAL, 8, 1, 4});
  constexpr int kDraws = 20'000;
  double steps = 0, unrolls = 0;
  int64_t shortest = std::numeric_limits<int64_t>::max();
  for (int64_t g = 0; g < kDraws; ++g) {
    const int64_t drawn = UnrollSteps(spec, g, 0, 0, 1);
    shortest = std::min(shortest, drawn);
    steps += static_cast<double>(drawn) / kDraws;
    unrolls += static_cast<double>(UnrollsOfEvaluation(spec, g, 0, 0)) / kDraws;
  }
  EXPECT_EQ(shortest, 50);
  EXPECT_NEAR(steps, 150, 4 * 100 / std::sqrt(kDraws));
  EXPECT_NEAR(unrolls, 8, 4 * std::sqrt(56.0 / kDraws));
}

TEST(WeighedNoiseTest, FollowsTheEstimator) {
  const Shape shape = {v1::Unroll::FIXED, 4, 3, 24};
  struct Case {
    v1::Strategy::Estimator estimator;
    int64_t worn, first, last;
  };
  // Pair 1 at generation 13: a training began at 11, its instance too; at generation 17 a training at 15.
  for (const Case& expected : {Case{v1::Strategy::FULL_ES, 17, 17, 17}, Case{v1::Strategy::TRUNCATED_ES, 17, 17, 17},
                               Case{v1::Strategy::PES, 17, 15, 17}, Case{v1::Strategy::NRES, 15, 15, 15}}) {
    const v1::JobSpec spec = JobOf(expected.estimator, shape);
    const NoiseKey worn = MemberNoise(spec, 17, 1);
    const NoiseSpan weighed = WeighedNoise(spec, 17, 1);
    const std::string& name = v1::Strategy::Estimator_Name(expected.estimator);
    EXPECT_EQ(worn.seed, 77u) << name;
    EXPECT_EQ(worn.pair, 1u) << name;
    EXPECT_EQ(worn.generation, expected.worn) << name;
    EXPECT_EQ(weighed.first, expected.first) << name;
    EXPECT_EQ(weighed.last, expected.last) << name;
  }
}

// What is carried across a restart was under the influence of the noise before it.
TEST(WeighedNoiseTest, CarriedStateCarriesItsNoise) {
  v1::JobSpec spec = TwoClusters();
  spec.mutable_learned_optimizer()->mutable_unroll()->set_count(4);
  spec.mutable_learned_optimizer()->mutable_unroll()->set_restarts(3);
  spec.mutable_strategy()->set_estimator(v1::Strategy::PES);
  EXPECT_EQ(WeighedNoise(Resolve(spec).value(), 17, 1).first, 15);
  spec.mutable_learned_optimizer()->mutable_published()->set_carried_state(true);
  EXPECT_EQ(WeighedNoise(Resolve(spec).value(), 17, 1).first, 11);
}

TEST(CombinedWeightsTest, AreWeightedSumsOverClusters) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> first = {1, 2, 4, 3, 7, 1, 0, 9}, second = {3, kNaN, 5, 5, 8, 2, 1, 0};
  std::vector<float> both = first;
  both.insert(both.end(), second.begin(), second.end());
  for (const auto shaping :
       {v1::Strategy::CENTERED_RANKS, v1::Strategy::SIGNED_RANKS, v1::Strategy::NORMALIZED_DIFFERENCES}) {
    v1::JobSpec spec = TwoClusters();
    spec.mutable_strategy()->set_shaping(shaping);
    spec = Resolve(spec).value();
    const std::vector<int32_t> a = PairWeights(shaping, first), b = PairWeights(shaping, second);
    const std::vector<int32_t> combined = CombinedWeights(spec, both);
    ASSERT_THAT(combined, SizeIs(4));
    for (size_t p = 0; p < 4; ++p) EXPECT_EQ(combined[p], a[p] + 3 * b[p]);
    EXPECT_EQ(CombinedScale(spec), EstimateScale(shaping, 8) / 4);
  }
}

TEST(CombinedWeightsTest, AClusterThatFailedAltogetherAddsNothing) {
  const v1::JobSpec spec = Resolve(TwoClusters()).value();
  std::vector<float> fitness(16, std::numeric_limits<float>::infinity());
  EXPECT_THAT(CombinedWeights(spec, fitness), Each(0));
  for (int m = 8; m < 16; ++m) fitness[m] = static_cast<float>(m * m);
  const std::vector<int32_t> alone = PairWeights(spec.strategy().shaping(), absl::MakeConstSpan(fitness).subspan(8));
  for (size_t p = 0; p < 4; ++p) EXPECT_EQ(CombinedWeights(spec, fitness)[p], 3 * alone[p]);
}

}  // namespace
}  // namespace seedcast
