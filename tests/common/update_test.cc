#include "common/strategy/update.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/strategy/shaping.h"

namespace seedcast {
namespace {

v1::JobSpec SphereJob(int64_t dimension, int64_t population) {
  v1::JobSpec spec;
  spec.set_generations(100);
  spec.mutable_sphere()->set_dimension(static_cast<int32_t>(dimension));
  spec.mutable_strategy()->set_population_size(population);
  return *Resolve(spec);
}

std::vector<float> SomeFitness(size_t size) {
  PhiloxStream stream(5, 0, 0, 9);
  std::vector<float> fitness(size);
  for (float& value : fitness) value = stream.Uniform();
  return fitness;
}

State ZeroState(const v1::JobSpec& spec) {
  return InitialState(spec.strategy(), std::vector<float>(spec.sphere().dimension()));
}

class UpdateTest : public ::testing::Test {
 protected:
  ~UpdateTest() override { SetNoiseIsa(chosen_); }

 private:
  const char* const chosen_ = NoiseIsa();
};

TEST_F(UpdateTest, GivesTheSameBitsForAnyThreadsAndInstructionSet) {
  for (const auto noise : {v1::Strategy::POPCOUNT, v1::Strategy::SIGN}) {
    v1::JobSpec spec = SphereJob(100'001, 512);
    spec.mutable_strategy()->set_noise(noise);
    const std::vector<float> fitness = SomeFitness(512);
    State expected = ZeroState(spec);
    ASSERT_TRUE(SetNoiseIsa("scalar"));
    const UpdateReport report = *Update(spec, {fitness, {}}, 1, &expected);
    for (const char* isa : {"avx2", "avx512"}) {
      if (!SetNoiseIsa(isa)) continue;
      for (const int threads : {1, 2, 3, 4, 7}) {
        State state = ZeroState(spec);
        const absl::StatusOr<UpdateReport> other = Update(spec, {fitness, {}}, threads, &state);
        ASSERT_TRUE(other.ok()) << other.status();
        EXPECT_EQ(state, expected) << isa << " on " << threads << " threads";
        EXPECT_EQ(other->estimate_norm, report.estimate_norm);
      }
    }
  }
}

TEST_F(UpdateTest, EstimateIsTheDocumentedSum) {
  v1::JobSpec spec = SphereJob(300, 64);
  spec.mutable_strategy()->mutable_sgd()->set_momentum(0);
  spec.mutable_strategy()->mutable_learning_rate()->set_initial(1);
  const std::vector<float> fitness = SomeFitness(64);
  State state = ZeroState(spec);
  ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state).ok());

  const std::vector<int32_t> weights = PairWeights(spec.strategy().shaping(), fitness);
  std::vector<int64_t> sum(300);
  std::vector<int8_t> noise(300);
  for (uint32_t p = 0; p < 32; ++p) {
    DrawNoise(NoiseDistribution::kPopcount, {spec.seed(), 0, p}, absl::MakeSpan(noise));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += int64_t{weights[p]} * noise[i];
  }
  const float scale = static_cast<float>(EstimateScale(spec.strategy().shaping(), 64) / 2);
  for (size_t i = 0; i < sum.size(); ++i) EXPECT_EQ(state.theta[i], static_cast<float>(sum[i]) * scale);
}

TEST_F(UpdateTest, ReportsNormLearningRateAndSigmaOfItsGeneration) {
  const v1::JobSpec spec = SphereJob(5000, 64);
  State state = ZeroState(spec);
  state.version = 50;
  const absl::StatusOr<UpdateReport> report = Update(spec, {SomeFitness(64), {}}, 1, &state);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(state.version, 51);
  EXPECT_DOUBLE_EQ(report->learning_rate, 0.01);
  EXPECT_DOUBLE_EQ(report->sigma, 0.1);
  EXPECT_NEAR(report->estimate_norm, std::sqrt(5000.0 / 32), 1);  // variance 1/pairs a parameter
}

TEST_F(UpdateTest, AGenerationThatFailedAltogetherMovesNothing) {
  for (const auto shaping :
       {v1::Strategy::CENTERED_RANKS, v1::Strategy::SIGNED_RANKS, v1::Strategy::NORMALIZED_DIFFERENCES}) {
    v1::JobSpec spec = SphereJob(100, 8);
    spec.mutable_strategy()->set_shaping(shaping);
    State state = ZeroState(spec);
    const std::vector<float> fitness(8, std::numeric_limits<float>::quiet_NaN());
    ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state).ok());
    EXPECT_EQ(state.theta, std::vector<float>(100));
    EXPECT_EQ(state.version, 1);
  }
}

// The whole loop on -|theta - 1|^2 / dimension.
TEST_F(UpdateTest, EveryShapingOptimizerAndNoiseClimbs) {
  constexpr int kDimension = 20;
  for (const auto shaping :
       {v1::Strategy::CENTERED_RANKS, v1::Strategy::SIGNED_RANKS, v1::Strategy::NORMALIZED_DIFFERENCES}) {
    for (const auto noise : {v1::Strategy::POPCOUNT, v1::Strategy::SIGN}) {
      for (const int optimizer : {0, 1, 2}) {
        v1::JobSpec spec = SphereJob(kDimension, 64);
        spec.mutable_strategy()->set_shaping(shaping);
        spec.mutable_strategy()->set_noise(noise);
        spec.mutable_strategy()->mutable_learning_rate()->set_initial(0.1);
        if (optimizer == 1) spec.mutable_strategy()->mutable_sgd()->set_momentum(0.5);
        if (optimizer == 2) spec.mutable_strategy()->mutable_rms_prop();
        spec = *Resolve(spec);
        State state = ZeroState(spec);
        const auto fitness_of = [](const std::vector<float>& theta) {
          float sum = 0;
          for (const float value : theta) sum -= (value - 1) * (value - 1);
          return sum / kDimension;
        };
        while (state.version < spec.generations()) {
          const float s = NoiseScale(Distribution(spec.strategy()), SigmaAt(spec, state.version));
          std::vector<float> fitness(64), member(kDimension);
          std::vector<int8_t> drawn(kDimension);
          for (uint32_t m = 0; m < 64; ++m) {
            DrawNoise(Distribution(spec.strategy()), {spec.seed(), static_cast<uint32_t>(state.version), m / 2},
                      absl::MakeSpan(drawn));
            Perturb(state.theta, drawn, m % 2 == 0 ? s : -s, absl::MakeSpan(member));
            fitness[m] = fitness_of(member);
          }
          ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state).ok());
        }
        EXPECT_GT(fitness_of(state.theta), -0.02)
            << v1::Strategy::Shaping_Name(shaping) << " " << v1::Strategy::Noise_Name(noise) << " " << optimizer;
      }
    }
  }
}

// Golden: a change of this digest would change every job ever run. tests/golden/numpy_reference.py says why it is
// right.
TEST_F(UpdateTest, GoldenDigest) {
  const v1::JobSpec spec = SphereJob(3000, 64);
  State state = ZeroState(spec);
  for (int generation = 0; generation < 3; ++generation)
    ASSERT_TRUE(Update(spec, {SomeFitness(64), {}}, 1, &state).ok());
  EXPECT_EQ(ToHex(StateDigest(state)), "9e1e34a1ecf6741dac57773643b3ba1141a26fb9a58c7297e937e98335f3bc68");
}

TEST_F(UpdateTest, RefusesFitnessOfAnotherSize) {
  const v1::JobSpec spec = SphereJob(100, 8);
  State state = ZeroState(spec);
  EXPECT_EQ(Update(spec, {std::vector<float>(6), {}}, 1, &state).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(state, ZeroState(spec));
}

TEST_F(UpdateTest, RefusesAStateOfAnotherOptimizer) {
  const v1::JobSpec spec = SphereJob(100, 8);
  State state = ZeroState(spec);
  state.second_moment.clear();
  EXPECT_EQ(Update(spec, {std::vector<float>(8), {}}, 1, &state).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ChainTest, EveryPartOfARecordChangesTheLink) {
  const v1::JobSpec spec = SphereJob(10, 4);
  const Digest state = StateDigest(ZeroState(spec));
  const Digest start = ChainStart(spec, state);
  const std::vector<float> fitness = {1, 2, 3, 4};
  const std::vector<float> other_fitness = {1, 2, 3, 5};
  const Digest link = ChainNext(start, 0, state, {fitness, {}});
  v1::JobSpec other_spec = spec;
  other_spec.set_seed(9);
  EXPECT_NE(ChainStart(other_spec, state), start);
  EXPECT_NE(ChainStart(spec, Digest{}), start);
  EXPECT_NE(ChainNext(state, 0, state, {fitness, {}}), link);
  EXPECT_NE(ChainNext(start, 1, state, {fitness, {}}), link);
  EXPECT_NE(ChainNext(start, 0, Digest{}, {fitness, {}}), link);
  EXPECT_NE(ChainNext(start, 0, state, {other_fitness, {}}), link);
  EXPECT_EQ(ChainNext(start, 0, state, {fitness, {}}), link);
}

}  // namespace
}  // namespace seedcast
