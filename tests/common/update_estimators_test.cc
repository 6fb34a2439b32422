// Updates over clusters and carried state, against the documented sums written out.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/strategy/estimator.h"
#include "common/strategy/shaping.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> SomeFitness(int64_t size) {
  PhiloxStream stream(5, 0, 0, 9);
  std::vector<float> fitness(size);
  for (float& value : fitness) value = stream.Uniform();
  return fitness;
}

// Two clusters of weights 1 and 4; plain SGD of rate 1, so that a step is the estimate.
v1::JobSpec Job(v1::Strategy::Estimator estimator, v1::Unroll::Lengths lengths) {
  v1::JobSpec spec;
  spec.set_generations(1000);
  auto* task = spec.mutable_learned_optimizer();
  for (const char* name : {"a", "b"}) {
    task->add_clusters()->set_name(name);
    task->mutable_clusters(task->clusters_size() - 1)->add_problems("bowl");
  }
  task->mutable_clusters(1)->set_weight(4);
  task->mutable_unroll()->set_lengths(lengths);
  task->mutable_unroll()->set_count(6);
  task->mutable_unroll()->set_restarts(2);
  spec.mutable_strategy()->set_estimator(estimator);
  spec.mutable_strategy()->set_population_size(32);
  spec.mutable_strategy()->mutable_sgd()->set_momentum(0);
  spec.mutable_strategy()->mutable_learning_rate()->set_initial(1);
  spec.mutable_strategy()->mutable_learning_rate()->set_decay(v1::Schedule::CONSTANT);
  return Resolve(spec).value();
}

State StateAt(const v1::JobSpec& spec, int64_t version, size_t num_parameters) {
  State state = InitialState(spec.strategy(), std::vector<float>(num_parameters));
  state.version = version;
  return state;
}

// G of a pair: the sum of its noise since the boundary that BoundaryBefore tells of.
std::vector<int64_t> NaivePairNoise(const v1::JobSpec& spec, int64_t generation, uint32_t pair, size_t num_parameters) {
  const v1::Strategy::Estimator estimator = spec.strategy().estimator();
  std::vector<int64_t> sum(num_parameters);
  std::vector<int8_t> noise(num_parameters);
  for (int64_t g = generation;; --g) {
    const bool began = BoundaryBefore(spec, g, pair) != Boundary::kNone;
    if (estimator != v1::Strategy::NRES || began) {
      DrawNoise(Distribution(spec.strategy()), {spec.seed(), static_cast<uint32_t>(g), pair}, absl::MakeSpan(noise));
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += noise[i];
    }
    if (began || estimator == v1::Strategy::TRUNCATED_ES) return sum;
  }
}

std::vector<float> NaiveStep(const v1::JobSpec& spec, int64_t generation, const std::vector<float>& fitness,
                             size_t num_parameters) {
  const v1::Strategy& strategy = spec.strategy();
  const absl::Span<const float> all = fitness;
  const std::vector<int32_t> first = PairWeights(strategy.shaping(), all.subspan(0, 32));
  const std::vector<int32_t> second = PairWeights(strategy.shaping(), all.subspan(32, 32));
  std::vector<int64_t> sum(num_parameters);
  for (uint32_t p = 0; p < 16; ++p) {
    const std::vector<int64_t> noise = NaivePairNoise(spec, generation, p, num_parameters);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += (first[p] + 4 * second[p]) * noise[i];
  }
  const double scale = EstimateScale(strategy.shaping(), 32) / 5;
  const auto unit = static_cast<float>(strategy.noise() == v1::Strategy::SIGN ? scale : scale / 2);
  std::vector<float> step(num_parameters);
  for (size_t i = 0; i < step.size(); ++i) step[i] = static_cast<float>(sum[i]) * unit;
  return step;
}

TEST(UpdateEstimatorsTest, EstimateIsTheDocumentedSum) {
  constexpr size_t kParameters = 300;
  for (const auto lengths : {v1::Unroll::FIXED, v1::Unroll::EXPONENTIAL}) {
    for (const auto estimator :
         {v1::Strategy::FULL_ES, v1::Strategy::TRUNCATED_ES, v1::Strategy::PES, v1::Strategy::NRES}) {
      for (const auto noise : {v1::Strategy::POPCOUNT, v1::Strategy::SIGN}) {
        v1::JobSpec spec = Job(estimator, lengths);
        spec.mutable_strategy()->set_noise(noise);
        std::vector<float> fitness = SomeFitness(FitnessCount(spec));
        fitness[7] = kNaN;
        for (const int64_t generation : {0, 3, 29}) {
          State state = StateAt(spec, generation, kParameters);
          ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state).ok());
          EXPECT_EQ(state.theta, NaiveStep(spec, generation, fitness, kParameters))
              << v1::Strategy::Estimator_Name(estimator) << " " << v1::Unroll::Lengths_Name(lengths) << " "
              << v1::Strategy::Noise_Name(noise) << " at " << generation;
        }
      }
    }
  }
}

TEST(UpdateEstimatorsTest, GivesTheSameBitsForAnyThreads) {
  constexpr size_t kParameters = 300'000;  // worth several threads
  for (const auto estimator : {v1::Strategy::PES, v1::Strategy::NRES}) {
    const v1::JobSpec spec = Job(estimator, v1::Unroll::EXPONENTIAL);
    const std::vector<float> fitness = SomeFitness(FitnessCount(spec));
    State expected = StateAt(spec, 40, kParameters);
    const UpdateReport report = Update(spec, {fitness, {}}, 1, &expected).value();
    for (const int threads : {2, 3, 7}) {
      State state = StateAt(spec, 40, kParameters);
      EXPECT_EQ(Update(spec, {fitness, {}}, threads, &state).value().estimate_norm, report.estimate_norm);
      EXPECT_EQ(state, expected) << threads;
    }
  }
}

TEST(UpdateEstimatorsTest, AForkWeighsNoNoiseFromBeforeIt) {
  v1::JobSpec spec = Job(v1::Strategy::PES, v1::Unroll::FIXED);
  v1::JobSpec fork = spec;
  fork.set_first_generation(40);
  const std::vector<float> fitness = SomeFitness(FitnessCount(spec));
  State state = StateAt(spec, 40, 100), forked = state;
  ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &state).ok());
  ASSERT_TRUE(Update(fork, {fitness, {}}, 1, &forked).ok());
  EXPECT_NE(forked, state);
  spec.mutable_strategy()->set_estimator(v1::Strategy::FULL_ES);
  State whole = StateAt(spec, 40, 100);
  ASSERT_TRUE(Update(spec, {fitness, {}}, 1, &whole).ok());
  EXPECT_EQ(forked, whole) << "in its first generation each pair is of age 0";
}

TEST(UpdateEstimatorsTest, AGradientIsTheEstimateAfterItsClip) {
  v1::JobSpec spec = Job(v1::Strategy::GRADIENT, v1::Unroll::FIXED);
  const std::vector<float> fitness(FitnessCount(spec), kNaN);  // for people to look at
  const std::vector<float> gradient = {0.25f, -0.5f, 3, -4, kNaN, kInfinity, -kInfinity};
  State state = StateAt(spec, 2, gradient.size());
  ASSERT_TRUE(Update(spec, {fitness, gradient}, 3, &state).ok());
  EXPECT_EQ(state.theta, std::vector<float>({0.25f, -0.5f, 3, -4, 0, 0, 0}));

  spec.mutable_strategy()->set_gradient_clip(1);
  state = StateAt(spec, 2, gradient.size());
  EXPECT_FLOAT_EQ(Update(spec, {fitness, gradient}, 1, &state).value().estimate_norm, std::sqrt(2.3125));
  EXPECT_EQ(state.theta, std::vector<float>({0.25f, -0.5f, 1, -1, 0, 0, 0}));
}

TEST(UpdateEstimatorsTest, RefusesOutcomesOfAnotherSize) {
  const v1::JobSpec by_gradient = Job(v1::Strategy::GRADIENT, v1::Unroll::FIXED);
  const v1::JobSpec by_fitness = Job(v1::Strategy::PES, v1::Unroll::FIXED);
  const std::vector<float> fitness(64), gradient(10);
  struct Case {
    const v1::JobSpec& spec;
    Outcome outcome;
    const char* message;
  };
  const Case kBad[] = {
      {by_fitness, {absl::MakeConstSpan(fitness).subspan(32), {}}, "update: 32 fitness values, expected 64"},
      {by_fitness, {fitness, gradient}, "update: 10 gradient values, expected 0"},
      {by_gradient, {fitness, {}}, "update: 0 gradient values, expected 10"},
      {by_gradient, {fitness, absl::MakeConstSpan(gradient).subspan(1)}, "update: 9 gradient values, expected 10"},
  };
  for (const Case& bad : kBad) {
    State state = StateAt(bad.spec, 0, 10);
    const absl::Status status = Update(bad.spec, bad.outcome, 1, &state).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), absl::string_view(bad.message));
    EXPECT_EQ(state, StateAt(bad.spec, 0, 10));
  }
}

TEST(UpdateEstimatorsTest, TheChainCoversTheGradient) {
  const std::vector<float> fitness = {1, 2}, gradient = {3, 4}, other = {3, 5}, all = {1, 2, 3, 4};
  const Digest none{};
  const Digest link = ChainNext(none, 0, none, {fitness, gradient});
  EXPECT_NE(ChainNext(none, 0, none, {fitness, {}}), link);
  EXPECT_NE(ChainNext(none, 0, none, {fitness, other}), link);
  EXPECT_NE(ChainNext(none, 0, none, {all, {}}), link);
  EXPECT_EQ(ChainNext(none, 0, none, {fitness, gradient}), link);
}

// Golden: the link of a record without gradient is what it was before there were any.
TEST(UpdateEstimatorsTest, LinksWithoutGradientAreAsEver) {
  const std::vector<float> fitness = {1, 2, 3, 4};
  const Digest expected =
      Sha256().Bytes(ToBytes(Digest{})).U64(7).Bytes(ToBytes(Digest{})).U64(4).Floats(fitness).Finish();
  EXPECT_EQ(ChainNext(Digest{}, 7, Digest{}, {fitness, {}}), expected);
}

TEST(UpdateEstimatorsTest, RmsPropStartsAtItsInitialMeanSquare) {
  v1::Strategy strategy;
  strategy.mutable_rms_prop()->set_initial_mean_square(1);
  EXPECT_EQ(InitialState(strategy, {5, 6}).second_moment, std::vector<float>({1, 1}));
  EXPECT_EQ(InitialState(strategy, {5, 6}).first_moment, std::vector<float>({0, 0}));
}

}  // namespace
}  // namespace seedcast
