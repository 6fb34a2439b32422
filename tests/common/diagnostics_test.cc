#include "common/strategy/diagnostics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/strategy/estimator.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsNan;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> SomeValues(int64_t size, uint32_t which) {
  PhiloxStream stream(5, which, 0, 9);
  std::vector<float> values(size);
  for (float& value : values) value = stream.Uniform();
  return values;
}

// Two clusters of different weight.
v1::JobSpec Job(v1::Strategy::Estimator estimator) {
  v1::JobSpec spec;
  spec.set_generations(100);
  auto* task = spec.mutable_learned_optimizer();
  for (const char* name : {"a", "b"}) {
    task->add_clusters()->set_name(name);
    task->mutable_clusters(task->clusters_size() - 1)->add_problems("bowl");
  }
  task->mutable_clusters(1)->set_weight(4);
  task->mutable_unroll()->set_count(4);
  spec.mutable_strategy()->set_estimator(estimator);
  spec.mutable_strategy()->set_population_size(20);
  return Resolve(spec).value();
}

struct Vectors {
  std::vector<double> even, odd;
};

// A and B of the definition, pair by pair.
Vectors NaiveHalves(const v1::JobSpec& spec, int64_t generation, const std::vector<float>& fitness, size_t size) {
  Vectors halves = {std::vector<double>(size), std::vector<double>(size)};
  const std::vector<int32_t> weights = CombinedWeights(spec, fitness);
  std::vector<int8_t> noise(size);
  for (uint32_t p = 0; p < weights.size(); ++p) {
    const NoiseSpan span = WeighedNoise(spec, generation, p);
    for (int64_t g = span.first; g <= span.last; ++g) {
      DrawNoise(NoiseDistribution::kPopcount, {spec.seed(), static_cast<uint32_t>(g), p}, absl::MakeSpan(noise));
      std::vector<double>& half = p % 2 == 0 ? halves.even : halves.odd;
      for (size_t i = 0; i < size; ++i) half[i] += double{1} * weights[p] * noise[i];
    }
  }
  return halves;
}

double Product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

std::vector<double> Sum(const std::vector<double>& a, double factor, const std::vector<double>& b) {
  std::vector<double> sum(a);
  for (size_t i = 0; i < a.size(); ++i) sum[i] += factor * b[i];
  return sum;
}

std::vector<double> Doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

constexpr size_t kParameters = 5000;  // two whole blocks and a part of one

TEST(UpdateDiagnosticsTest, AgreeWithTheirFormulasWrittenOut) {
  for (const auto estimator :
       {v1::Strategy::FULL_ES, v1::Strategy::TRUNCATED_ES, v1::Strategy::PES, v1::Strategy::NRES}) {
    const v1::JobSpec spec = Job(estimator);
    State state = InitialState(spec.strategy(), SomeValues(kParameters, 1));
    UpdateDiagnostics diagnostics;
    std::vector<double> last;
    for (int64_t g = 0; g < 6; ++g) {
      const std::vector<float> fitness = SomeValues(40, 10 + static_cast<uint32_t>(g));
      const std::vector<double> before = Doubles(state.theta);
      ASSERT_TRUE(Update(spec, {fitness, {}}, 1 + static_cast<int>(g % 3), &state, &diagnostics).ok());

      const auto [even, odd] = NaiveHalves(spec, g, fitness, kParameters);
      const std::vector<double> estimate = Sum(even, 1, odd);
      const std::vector<double> difference = Sum(even, -1, odd);
      EXPECT_NEAR(diagnostics.signal_to_noise, 4 * Product(even, odd) / Product(difference, difference), 1e-9);
      const std::vector<double> step = Sum(Doubles(state.theta), -1, before);
      EXPECT_NEAR(diagnostics.update_ratio, std::sqrt(Product(step, step) / Product(before, before)), 1e-9);
      if (g == 0) {
        EXPECT_THAT(diagnostics.cosine, IsNan());
      } else {
        const double norms = std::sqrt(Product(estimate, estimate) * Product(last, last));
        EXPECT_NEAR(diagnostics.cosine, Product(estimate, last) / norms, 1e-6);  // g is rounded to float32
      }
      last = estimate;
    }
  }
}

TEST(UpdateDiagnosticsTest, ChangeNoBit) {
  for (const auto estimator : {v1::Strategy::FULL_ES, v1::Strategy::PES, v1::Strategy::NRES, v1::Strategy::GRADIENT}) {
    const v1::JobSpec spec = Job(estimator);
    State plain = InitialState(spec.strategy(), SomeValues(kParameters, 1)), looked_at = plain;
    UpdateDiagnostics diagnostics;
    for (uint32_t g = 0; g < 5; ++g) {
      const std::vector<float> fitness = SomeValues(40, 10 + g);
      const std::vector<float> gradient =
          SomeValues(estimator == v1::Strategy::GRADIENT ? static_cast<int64_t>(kParameters) : 0, 50 + g);
      const auto expected = Update(spec, {fitness, gradient}, 1, &plain);
      const auto found = Update(spec, {fitness, gradient}, 2, &looked_at, &diagnostics);
      ASSERT_TRUE(expected.ok() && found.ok());
      EXPECT_EQ(found->estimate_norm, expected->estimate_norm);
      ASSERT_EQ(looked_at, plain) << v1::Strategy::Estimator_Name(estimator);
    }
  }
}

TEST(UpdateDiagnosticsTest, AGradientHasACosineButNoHalves) {
  const v1::JobSpec spec = Job(v1::Strategy::GRADIENT);
  State state = InitialState(spec.strategy(), SomeValues(kParameters, 1));
  UpdateDiagnostics diagnostics;
  const std::vector<float> fitness(40), gradient = SomeValues(kParameters, 2);
  for (int g = 0; g < 2; ++g) ASSERT_TRUE(Update(spec, {fitness, gradient}, 1, &state, &diagnostics).ok());
  EXPECT_NEAR(diagnostics.cosine, 1, 1e-12);
  EXPECT_THAT(diagnostics.signal_to_noise, IsNan());
  EXPECT_THAT(diagnostics.effective_utilities, IsNan());
  EXPECT_GT(diagnostics.update_ratio, 0);
}

TEST(UpdateDiagnosticsTest, ACosineIsToTheGenerationBeforeOnly) {
  const v1::JobSpec spec = Job(v1::Strategy::FULL_ES);
  State state = InitialState(spec.strategy(), SomeValues(kParameters, 1));
  const State first = state;
  UpdateDiagnostics diagnostics;
  const std::vector<float> fitness = SomeValues(40, 3);
  for (int g = 0; g < 2; ++g) ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state, &diagnostics).ok());
  EXPECT_LT(std::fabs(diagnostics.cosine), 1);
  state = first;
  ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state, &diagnostics).ok());
  EXPECT_THAT(diagnostics.cosine, IsNan());
}

// Sphere without noise: with pairs enough the halves agree; with fitness drawn blindly they do not.
TEST(UpdateDiagnosticsTest, SignalToNoiseTellsAGradientFromNone) {
  constexpr int kDimension = 20, kPairs = 1000;
  v1::JobSpec job;
  job.set_generations(10);
  job.mutable_sphere()->set_dimension(kDimension);
  job.mutable_strategy()->set_population_size(2 * kPairs);
  const v1::JobSpec spec = Resolve(job).value();
  std::vector<float> fitness;
  std::vector<int8_t> noise(kDimension);
  for (uint32_t p = 0; p < kPairs; ++p) {
    DrawNoise(NoiseDistribution::kPopcount, {spec.seed(), 0, p}, absl::MakeSpan(noise));
    fitness.insert(fitness.end(), {static_cast<float>(noise[0]), static_cast<float>(-noise[0])});
  }
  for (const auto& [values, low, high] : {std::tuple(fitness, 20.0, 1e9), {SomeValues(2 * kPairs, 4), -1.0, 3.0}}) {
    State state = InitialState(spec.strategy(), std::vector<float>(kDimension));
    UpdateDiagnostics diagnostics;
    ASSERT_TRUE(Update(spec, {values, {}}, 1, &state, &diagnostics).ok());
    EXPECT_GT(diagnostics.signal_to_noise, low);
    EXPECT_LT(diagnostics.signal_to_noise, high);
    EXPECT_THAT(diagnostics.update_ratio, IsNan());  // theta was 0
  }
}

TEST(EffectiveUtilitiesTest, AreTheShareOfPairsThatDecide) {
  EXPECT_EQ(EffectiveUtilities({3, -3, 3, -3}), 1);
  EXPECT_EQ(EffectiveUtilities({0, 0, -7, 0}), 0.25);
  EXPECT_DOUBLE_EQ(EffectiveUtilities({1, 2, -3}), 36.0 / (3 * 14));
  EXPECT_THAT(EffectiveUtilities({0, 0}), IsNan());
  EXPECT_THAT(EffectiveUtilities({}), IsNan());
}

TEST(FiniteQuantilesTest, TakeTheNearestRankOfWhatIsFinite) {
  EXPECT_THAT(FiniteQuantiles({5, kNaN, 1, 4, kInfinity, 2, 3, -kInfinity}), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(FiniteQuantiles({2, 1}), ElementsAre(1, 1, 1, 2, 2));
  EXPECT_THAT(FiniteQuantiles({7}), Each(7.0F));
  EXPECT_THAT(FiniteQuantiles({kNaN}), Each(IsNan()));
  EXPECT_THAT(FiniteQuantiles({}), Each(IsNan()));
}

}  // namespace
}  // namespace seedcast
