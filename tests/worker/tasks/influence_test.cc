#include "worker/tasks/influence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "common/spec/resolve.h"
#include "common/strategy/estimator.h"

namespace seedcast {
namespace {

v1::JobSpec Job(int steps, int count, v1::Strategy::Estimator estimator = v1::Strategy::PES, int restarts = 1) {
  v1::JobSpec spec;
  spec.set_generations(1000);
  v1::Unroll& unroll = *spec.mutable_influence()->mutable_unroll();
  unroll.set_steps(steps);
  unroll.set_count(count);
  unroll.set_restarts(restarts);
  spec.mutable_strategy()->set_estimator(estimator);
  spec.mutable_strategy()->set_population_size(2);
  return *Resolve(spec);
}

struct Trainer {
  explicit Trainer(const v1::JobSpec& spec) : task(MakeInfluenceTask(spec)), evaluator(task->NewEvaluator()) {}

  void Begin(float theta, int64_t generation = 0) { state = *evaluator->Begin({theta}, {generation, 0, 0}); }
  float Unroll(float theta, int64_t generation) { return *evaluator->Unroll({theta}, generation, state.get()); }

  std::unique_ptr<Task> task;
  std::unique_ptr<Evaluator> evaluator;
  std::unique_ptr<InnerState> state;
};

TEST(InfluenceTest, TheClosedFormIsWhatUnrollingGives) {
  for (const int steps : {1, 2, 9, 10, 11, 30, 100, 500}) {
    for (const float theta : {-1.0f, -0.1667f, 0.0f, 0.5f, 3.0f}) {
      SCOPED_TRACE(testing::Message() << steps << " steps at " << theta);
      const v1::JobSpec spec = Job(steps, 1);
      Trainer trainer(spec);
      trainer.Begin(theta);
      float gradient;
      const float fitness =
          *trainer.evaluator->UnrollGradient({theta}, 0, trainer.state.get(), absl::MakeSpan(&gradient, 1));
      const InfluenceTruth truth = InfluenceClosedForm(spec.influence(), steps, theta);
      EXPECT_NEAR(fitness, truth.fitness, 1e-6 * std::abs(truth.fitness) + 1e-7);
      EXPECT_NEAR(gradient, truth.gradient, 1e-6 * std::abs(truth.gradient) + 1e-6);
    }
  }
}

TEST(InfluenceTest, TheClosedFormsGradientIsItsFitnessesSlope) {
  const v1::InfluenceTask task = Job(100, 1).influence();
  const double h = 1e-4;
  const double slope =
      (InfluenceClosedForm(task, 70, 0.5 + h).fitness - InfluenceClosedForm(task, 70, 0.5 - h).fitness) / (2 * h);
  EXPECT_NEAR(InfluenceClosedForm(task, 70, 0.5).gradient, slope, 1e-8);
}

TEST(InfluenceTest, TheFirstStepsByHand) {
  v1::JobSpec spec = Job(1, 3);
  spec.mutable_influence()->set_units(2);
  spec.mutable_influence()->set_positive(1);
  Trainer trainer(spec);
  trainer.Begin(2);
  // s = (1, 1), then (1 + 2, 0.5 - 2) = (3, -1.5), then (1.5 - 0.75 + 2, -0.75 - 2) = (2.75, -2.75)
  EXPECT_FLOAT_EQ(trainer.Unroll(2, 0), -0.5f * 2 * 2);
  EXPECT_FLOAT_EQ(trainer.Unroll(2, 1), -0.5f * 1.75f * 1.75f);
}

TEST(InfluenceTest, AWholeEvaluationIsTheMeanOverItsUnrolls) {
  const v1::JobSpec whole = Job(7, 6, v1::Strategy::FULL_ES);
  Trainer trainer(Job(7, 6));
  trainer.Begin(0.4f);
  double sum = 0;
  for (int g = 0; g < 6; ++g) sum += trainer.Unroll(0.4f, g);
  EXPECT_FLOAT_EQ(*Trainer(whole).evaluator->Evaluate({0.4f}, {12, 3, 0}), static_cast<float>(sum / 6));
  EXPECT_FLOAT_EQ(Trainer(whole).evaluator->Measure({0.4f}, {}, 0)->fitness, static_cast<float>(sum / 6));
}

TEST(InfluenceTest, TheGradientIsMeasuredOnTheSameWay) {
  const v1::JobSpec spec = Job(5, 4);
  Trainer plain(spec), differentiated(spec);
  plain.Begin(0.5f);
  differentiated.Begin(0.5f);
  for (int g = 0; g < 4; ++g) {
    float gradient;
    EXPECT_EQ(plain.Unroll(0.5f, g), *differentiated.evaluator->UnrollGradient({0.5f}, g, differentiated.state.get(),
                                                                               absl::MakeSpan(&gradient, 1)));
  }
}

TEST(InfluenceTest, ARestartBeginsAnew) {
  Trainer trainer(Job(5, 2, v1::Strategy::PES, /*restarts=*/2));
  trainer.Begin(0.5f);
  const float first = trainer.Unroll(0.5f, 0);
  EXPECT_NE(trainer.Unroll(0.5f, 1), first);
  EXPECT_EQ(trainer.Unroll(0.5f, 2), first) << "pair 0 restarts every two generations";
}

TEST(InfluenceTest, ACloneGoesItsOwnWay) {
  Trainer trainer(Job(5, 10));
  trainer.Begin(0.5f);
  trainer.Unroll(0.5f, 0);
  const std::unique_ptr<InnerState> clone = trainer.state->Clone();
  const float next = *trainer.evaluator->Unroll({0.5f}, 1, clone.get());
  EXPECT_NE(*trainer.evaluator->Unroll({0.7f}, 1, clone.get()), next);
  EXPECT_EQ(trainer.Unroll(0.5f, 1), next);
}

// What makes the task worth having.
TEST(InfluenceTest, ShortUnrollsPointTheWrongWay) {
  const v1::JobSpec spec = Job(10, 30);
  Trainer trainer(spec);
  trainer.Begin(0.5f);
  float gradient = 0;
  for (int g = 0; g < 30; ++g) {
    ASSERT_TRUE(trainer.evaluator->UnrollGradient({0.5f}, g, trainer.state.get(), absl::MakeSpan(&gradient, 1)).ok());
  }
  EXPECT_GT(gradient, 1);
  EXPECT_LT(InfluenceClosedForm(spec.influence(), 300, 0.5).gradient, -1);
}

}  // namespace
}  // namespace seedcast
