#include "worker/tasks/sphere.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace seedcast {
namespace {

v1::JobSpec Spec(int dimension) {
  v1::JobSpec spec;
  spec.set_seed(9);
  spec.mutable_sphere()->set_dimension(dimension);
  return spec;
}

// Distinct points: members of a run.
std::vector<float> Point(int dimension, int number) {
  return std::vector<float>(dimension, 0.001f * static_cast<float>(number + 1));
}

TEST(SphereTest, FitnessIsMinusTheMeanSquaredDistance) {
  const auto task = MakeSphereTask(Spec(50));
  EXPECT_EQ(task->num_parameters(), 50);
  const auto evaluator = task->NewEvaluator();
  // The value at 0 and at unit steps gives the target: f(0) - f(e_i) = (1 - 2 t_i) / n.
  std::vector<float> theta = task->InitialTheta();
  const float at_zero = *evaluator->Evaluate(theta, {0, 0});
  std::vector<float> target(50);
  for (int i = 0; i < 50; ++i) {
    theta[i] = 1;
    target[i] = static_cast<float>((1 - 50.0 * (at_zero - *evaluator->Evaluate(theta, {0, 0}))) / 2);
    theta[i] = 0;
  }
  EXPECT_LT(at_zero, -0.1);
  EXPECT_NEAR(*evaluator->Evaluate(target, {0, 0}), 0, 1e-6);
}

TEST(SphereTest, SeedsHaveOtherTargets) {
  v1::JobSpec other = Spec(10);
  other.set_seed(10);
  const std::vector<float> zero(10);
  EXPECT_NE(*MakeSphereTask(Spec(10))->NewEvaluator()->Evaluate(zero, {0, 0}),
            *MakeSphereTask(other)->NewEvaluator()->Evaluate(zero, {0, 0}));
}

TEST(SphereTest, NoiseHasTheDeviationAskedForAndIsTheSameForEveryWorker) {
  v1::JobSpec spec = Spec(4);
  const auto exact = MakeSphereTask(spec)->NewEvaluator();
  spec.mutable_sphere()->set_fitness_noise(0.5);
  const auto first = MakeSphereTask(spec)->NewEvaluator();
  const auto second = MakeSphereTask(spec)->NewEvaluator();
  constexpr int kMembers = 4000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kMembers; ++i) {
    const std::vector<float> theta = Point(4, i % 2);
    const float fitness = *first->Evaluate(theta, {i / 100, i / 2});
    EXPECT_EQ(fitness, *second->Evaluate(theta, {i / 100, i / 2}));
    const double noise = fitness - *exact->Evaluate(theta, {0, 0});
    sum += noise;
    squares += noise * noise;
  }
  EXPECT_NEAR(sum / kMembers, 0, 0.04);
  EXPECT_NEAR(std::sqrt(squares / kMembers), 0.5, 0.03);
}

TEST(SphereTest, MembersOfAPairHaveNoiseOfTheirOwn) {
  v1::JobSpec spec = Spec(4);
  const auto exact = MakeSphereTask(spec)->NewEvaluator();
  spec.mutable_sphere()->set_fitness_noise(1);
  const auto noisy = MakeSphereTask(spec)->NewEvaluator();
  const auto noise = [&](int member, int pair) {
    return *noisy->Evaluate(Point(4, member), {0, pair}) - *exact->Evaluate(Point(4, member), {0, pair});
  };
  int equal = 0;
  for (int pair = 0; pair < 100; ++pair) equal += std::abs(noise(0, pair) - noise(1, pair)) < 0.01;
  EXPECT_LT(equal, 25);  // noise has few values, so some agree
}

TEST(SphereTest, FailsAndReturnsNaNAsOftenAsAsked) {
  v1::JobSpec spec = Spec(3);
  spec.mutable_sphere()->set_failure_rate(0.2);
  spec.mutable_sphere()->set_not_finite_rate(0.25);
  const auto evaluator = MakeSphereTask(spec)->NewEvaluator();
  int failed = 0, not_finite = 0;
  constexpr int kMembers = 5000;
  for (int i = 0; i < kMembers; ++i) {
    const auto fitness = evaluator->Evaluate(Point(3, i % 2), {1, i / 2});
    failed += !fitness.ok();
    not_finite += fitness.ok() && std::isnan(*fitness);
  }
  EXPECT_NEAR(failed, 0.2 * kMembers, 150);
  EXPECT_NEAR(not_finite, 0.8 * 0.25 * kMembers, 150);
  EXPECT_TRUE(evaluator->Measure(Point(3, 0), {}, 0).ok());  // measuring theta itself never fails on purpose
}

TEST(SphereTest, AccuracyIsUndefined) {
  const auto task = MakeSphereTask(Spec(2));
  const auto metrics = task->NewEvaluator()->Measure(task->InitialTheta(), {}, 0);
  EXPECT_TRUE(std::isnan(metrics->accuracy));
  EXPECT_LT(metrics->fitness, 0);
}

TEST(SphereTest, ThetaOfAnotherSizeIsAnError) {
  const auto evaluator = MakeSphereTask(Spec(2))->NewEvaluator();
  EXPECT_EQ(evaluator->Evaluate(std::vector<float>(3), {0, 0}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace seedcast
