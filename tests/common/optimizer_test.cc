#include "common/strategy/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "common/strategy/schedule.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;

v1::Strategy AdamStrategy() {
  v1::Strategy strategy;
  strategy.mutable_adam()->set_beta1(0.9);
  strategy.mutable_adam()->set_beta2(0.999);
  strategy.mutable_adam()->set_epsilon(1e-8);
  return strategy;
}

void Step(const v1::Strategy& strategy, double learning_rate, const std::vector<float>& estimate, State* state) {
  OptimizerStep(strategy, learning_rate, estimate, 0, state);
  ++state->version;
}

TEST(AdamTest, FirstStepIsTheLearningRateUpTheEstimate) {
  State state = InitialState(AdamStrategy(), {1, 1, 1});
  Step(AdamStrategy(), 0.5, {3, -0.001f, 0}, &state);
  EXPECT_NEAR(state.theta[0], 1.5, 1e-5);
  EXPECT_NEAR(state.theta[1], 0.5, 1e-5);
  EXPECT_EQ(state.theta[2], 1);
}

TEST(AdamTest, FollowsTheDocumentedRoundings) {
  State state = InitialState(AdamStrategy(), {0.25f});
  float theta = 0.25f, m = 0, v = 0;
  for (int t = 1; t <= 5; ++t) {
    const float g = 0.3f / static_cast<float>(t);
    Step(AdamStrategy(), 0.02, {g}, &state);
    double beta1_t = 1, beta2_t = 1;
    const double squares1[] = {0.9, 0.9 * 0.9, (0.9 * 0.9) * (0.9 * 0.9)};
    const double squares2[] = {0.999, 0.999 * 0.999, (0.999 * 0.999) * (0.999 * 0.999)};
    for (int bit = 0; bit < 3; ++bit) {
      if ((t >> bit & 1) != 0) beta1_t *= squares1[bit], beta2_t *= squares2[bit];
    }
    const float a = static_cast<float>(0.02 / (1 - beta1_t));
    const float q = static_cast<float>(1 / std::sqrt(1 - beta2_t));
    m = 0.9f * m + static_cast<float>(1 - 0.9) * g;
    v = 0.999f * v + static_cast<float>(1 - 0.999) * (g * g);
    theta = theta + (a * m) / (std::sqrt(v) * q + 1e-8f);
    EXPECT_EQ(state.theta[0], theta) << "step " << t;
  }
}

TEST(SgdTest, MomentumCarriesOn) {
  v1::Strategy strategy;
  strategy.mutable_sgd()->set_momentum(0.5);
  State state = InitialState(strategy, {1});
  EXPECT_TRUE(state.second_moment.empty());
  Step(strategy, 0.25, {4}, &state);  // m = 4
  EXPECT_THAT(state.theta, ElementsAre(2));
  Step(strategy, 0.25, {0}, &state);  // m = 2
  EXPECT_THAT(state.theta, ElementsAre(2.5f));
  EXPECT_THAT(state.first_moment, ElementsAre(2));
}

TEST(RmsPropTest, DividesByTheRootMeanSquare) {
  v1::Strategy strategy;
  strategy.mutable_rms_prop()->set_decay(0.75);
  strategy.mutable_rms_prop()->set_momentum(0.5);
  strategy.mutable_rms_prop()->set_epsilon(0.5);
  State state = InitialState(strategy, {1});
  Step(strategy, 0.25, {3}, &state);  // v = 2.25, m = 3 / (1.5 + 0.5)
  EXPECT_THAT(state.second_moment, ElementsAre(2.25f));
  EXPECT_THAT(state.first_moment, ElementsAre(1.5f));
  EXPECT_THAT(state.theta, ElementsAre(1.375f));
  Step(strategy, 0.25, {0}, &state);  // m = 0.75
  EXPECT_THAT(state.theta, ElementsAre(1.5625f));
}

TEST(WeightDecayTest, ShrinksThetaByLearningRateTimesDecay) {
  v1::Strategy strategy = AdamStrategy();
  strategy.set_weight_decay(0.5);
  State state = InitialState(strategy, {1, -2});
  Step(strategy, 0.5, {0, 0}, &state);
  EXPECT_THAT(state.theta, ElementsAre(0.75f, -1.5f));
}

TEST(OptimizerTest, AnElementDoesNotDependOnWhereTheRangeBegins) {
  const v1::Strategy strategy = AdamStrategy();
  std::vector<float> estimate(1003);
  for (size_t i = 0; i < estimate.size(); ++i) estimate[i] = std::sin(static_cast<float>(i));
  State whole = InitialState(strategy, std::vector<float>(estimate.size(), 0.1f));
  State in_parts = whole;
  OptimizerStep(strategy, 0.02, estimate, 0, &whole);
  for (size_t first = 0; first < estimate.size(); first += 7) {
    OptimizerStep(strategy, 0.02, absl::MakeConstSpan(estimate).subspan(first, 7), static_cast<int64_t>(first),
                  &in_parts);
  }
  EXPECT_EQ(in_parts, whole);
}

v1::Schedule MakeSchedule(v1::Schedule::Decay decay, double initial, double final, double start = 0,
                          double warmup = 0) {
  v1::Schedule schedule;
  schedule.set_decay(decay);
  schedule.set_initial(initial);
  schedule.set_final(final);
  schedule.set_start(start);
  schedule.set_warmup(warmup);
  return schedule;
}

struct ScheduleCase {
  v1::Schedule schedule;
  int64_t generation;  // of 100
  double value;
};

class ScheduleTest : public ::testing::TestWithParam<ScheduleCase> {};

TEST_P(ScheduleTest, GivesThisValue) {
  EXPECT_DOUBLE_EQ(ValueAt(GetParam().schedule, GetParam().generation, 100), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(All, ScheduleTest,
                         ::testing::Values(ScheduleCase{MakeSchedule(v1::Schedule::CONSTANT, 3, 3), 77, 3},
                                           ScheduleCase{MakeSchedule(v1::Schedule::LINEAR, 4, 2), 0, 4},
                                           ScheduleCase{MakeSchedule(v1::Schedule::LINEAR, 4, 2), 25, 3.5},
                                           ScheduleCase{MakeSchedule(v1::Schedule::LINEAR, 4, 2), 100, 2},
                                           ScheduleCase{MakeSchedule(v1::Schedule::LINEAR, 4, 2, 0.5), 50, 4},
                                           ScheduleCase{MakeSchedule(v1::Schedule::LINEAR, 4, 2, 0.5), 75, 3},
                                           ScheduleCase{MakeSchedule(v1::Schedule::LINEAR, 4, 2, 1), 100, 4},
                                           ScheduleCase{MakeSchedule(v1::Schedule::COSINE, 2, 0), 0, 2},
                                           ScheduleCase{MakeSchedule(v1::Schedule::COSINE, 2, 0), 50, 1},
                                           ScheduleCase{MakeSchedule(v1::Schedule::COSINE, 2, 0), 100, 0},
                                           ScheduleCase{MakeSchedule(v1::Schedule::COSINE, 2, 1, 0.2), 60, 1.5},
                                           ScheduleCase{MakeSchedule(v1::Schedule::EXPONENTIAL, 8, 2), 50, 4},
                                           ScheduleCase{MakeSchedule(v1::Schedule::EXPONENTIAL, 8, 2), 100, 2},
                                           ScheduleCase{MakeSchedule(v1::Schedule::CONSTANT, 5, 5, 0, 0.1), 0, 0.5},
                                           ScheduleCase{MakeSchedule(v1::Schedule::CONSTANT, 5, 5, 0, 0.1), 8, 4.5},
                                           ScheduleCase{MakeSchedule(v1::Schedule::CONSTANT, 5, 5, 0, 0.1), 9, 5}));

}  // namespace
}  // namespace seedcast
