#include "worker/tasks/learned_optimizer/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/spec/resolve.h"
#include "worker/tasks/learned_optimizer/compare_baselines.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {
namespace {

v1::JobSpec Job() {
  v1::JobSpec spec;
  spec.set_generations(1);
  for (const char* problem : {"quadratic(5)", "softmax(4, 2, 50)"}) {
    v1::LearnedOptimizerTask::Cluster* cluster = spec.mutable_learned_optimizer()->add_clusters();
    cluster->set_name(std::string(problem).substr(0, 7));
    cluster->add_problems(problem);
  }
  spec.mutable_learned_optimizer()->mutable_unroll()->set_steps(60);
  return *Resolve(spec);
}

ComparisonOptions Quick(int threads = 1) {
  ComparisonOptions options;
  options.seeds = 3;
  options.tuning_seeds = 2;
  options.threads = threads;
  options.untrained_family = "bowl";
  return options;
}

bool GoOn(int, int) { return true; }

TEST(CompareTest, HasEveryFamilyAndOptimizerWithCurves) {
  const auto comparison = Compare(Job(), InitialHrnnTheta(1), Quick(), GoOn);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_EQ(comparison->steps, 60);
  EXPECT_EQ(comparison->curve_steps.front(), 0);
  EXPECT_EQ(comparison->curve_steps.back(), 60);
  ASSERT_EQ(comparison->families.size(), 3u);
  EXPECT_TRUE(comparison->families[0].trained);
  EXPECT_FALSE(comparison->families[2].trained);
  EXPECT_EQ(comparison->families[2].problems, 4);
  for (const FamilyResult& family : comparison->families) {
    ASSERT_EQ(family.optimizers.size(), 5u);
    EXPECT_EQ(family.optimizers[0].optimizer, "learned");
    EXPECT_EQ(family.optimizers[4].optimizer, "Adam");
    for (const OptimizerResult& result : family.optimizers) {
      EXPECT_EQ(result.curve.size(), comparison->curve_steps.size());
      EXPECT_NEAR(result.curve.front(), 0, 1e-4) << "log of 1";
      EXPECT_EQ(result.curve.back(), result.log_objective.mean);
      EXPECT_EQ(result.curve_interval.size(), comparison->curve_steps.size());
      EXPECT_EQ(result.curve_interval.back(), result.log_objective.interval);
      EXPECT_GT(result.log_objective.interval, 0);
    }
  }
  EXPECT_TRUE(std::isnan(comparison->families[0].optimizers[0].accuracy.mean));
  EXPECT_GT(comparison->families[1].optimizers[4].accuracy.mean, 0.7) << "tuned Adam learns to classify";
}

TEST(CompareTest, TunedBaselinesConvergeOnAQuadratic) {
  const auto comparison = Compare(Job(), InitialHrnnTheta(1), Quick(), GoOn);
  for (int i = 1; i < 5; ++i) {
    const OptimizerResult& result = comparison->families[0].optimizers[i];
    EXPECT_LT(result.log_objective.mean, -1) << result.optimizer;
    EXPECT_EQ(result.diverged, 0) << result.optimizer;
  }
}

TEST(CompareTest, ThreadsDoNotChangeABit) {
  const auto one = Compare(Job(), InitialHrnnTheta(1), Quick(1), GoOn);
  const auto three = Compare(Job(), InitialHrnnTheta(1), Quick(3), GoOn);
  for (size_t f = 0; f < one->families.size(); ++f) {
    for (size_t o = 0; o < 5; ++o)
      EXPECT_EQ(one->families[f].optimizers[o].curve, three->families[f].optimizers[o].curve);
  }
}

TEST(CompareTest, ALearnedOptimizerThatDivergesIsWorst) {
  std::vector<float> theta = InitialHrnnTheta(1);
  theta.back() = 40;  // learning_rate.offset
  const auto comparison = Compare(Job(), theta, Quick(), GoOn);
  EXPECT_EQ(comparison->families[0].optimizers[0].log_objective.mean, 20);
  EXPECT_EQ(comparison->families[0].optimizers[0].diverged, 3);
  EXPECT_EQ(comparison->families[1].optimizers[0].accuracy.mean, 0) << "counted, not left out";
}

TEST(CompareTest, ChoosesAFamilyThatNoClusterHas) {
  ComparisonOptions options = Quick();
  options.seeds = 1;
  options.tuning_seeds = 1;
  options.steps = 2;
  options.untrained_family = "";
  EXPECT_EQ(Compare(Job(), InitialHrnnTheta(1), options, GoOn)->families.back().family, "norm");
  v1::JobSpec spec = Job();
  spec.mutable_learned_optimizer()->mutable_clusters(0)->set_problems(0, "norm(3, 2)");
  EXPECT_EQ(Compare(spec, InitialHrnnTheta(1), options, GoOn)->families.back().family, "matmul");
}

// The last family of a quick comparison whose first cluster has `problems`.
FamilyResult LastFamily(const std::vector<std::string>& problems) {
  v1::JobSpec spec = Job();
  spec.mutable_learned_optimizer()->mutable_clusters(0)->clear_problems();
  for (const std::string& problem : problems)
    spec.mutable_learned_optimizer()->mutable_clusters(0)->add_problems(problem);
  ComparisonOptions options = Quick();
  options.seeds = 1;
  options.tuning_seeds = 1;
  options.steps = 1;
  options.untrained_family = "";
  const auto comparison = Compare(spec, InitialHrnnTheta(1), options, GoOn);
  EXPECT_TRUE(comparison.ok()) << comparison.status();
  return comparison->families.back();
}

TEST(CompareTest, AKindInsideAnExpressionWasTrainedOn) {
  for (const char* problem :
       {"noisy(norm(3, 2), 0.1)", "rescale(norm(3, 2), 50)", "sum(quadratic(3), sparse(log(norm(3, 2))))"}) {
    EXPECT_EQ(LastFamily({problem}).family, "matmul") << problem;
  }
}

TEST(CompareTest, AFamilyOfKnownKindsInsideIsNotNew) {
  // log_objective, rescale and sum are of quadratics and bowls.
  EXPECT_EQ(LastFamily({"norm(3, 2)", "matmul(2, 4)", "quadratic(3)"}).family, "bowl");
}

TEST(CompareTest, WhoKnowsTheDefaultSetMeetsOthersUntilNoneIsLeft) {
  std::vector<std::string> problems = {"norm(3, 2)", "matmul(2, 4)", "quadratic(3)", "bowl(1)"};
  for (const auto& [family, problem] : {std::pair("dependency_chain", "dependency_chain(3)"),
                                        {"outward_snake", "outward_snake(3, 50, 10)"},
                                        {"min_max_well", "min_max_well(3)"},
                                        {"convnet", "convnet_relu(2, 1, 2, 10)"}}) {
    const FamilyResult last = LastFamily(problems);
    EXPECT_EQ(last.family, family);
    EXPECT_FALSE(last.trained) << family;
    problems.push_back(problem);
  }
  EXPECT_TRUE(LastFamily(problems).trained) << "none is left";
}

TEST(CompareTest, EndsWhenAskedTo) {
  int calls = 0;
  const auto comparison = Compare(Job(), InitialHrnnTheta(1), Quick(), [&](int, int) { return ++calls < 2; });
  EXPECT_EQ(comparison.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 2);
}

// f(x) = |x|^2 / 2 from (1, -2).
float LossAfter(Baseline baseline, float learning_rate, int steps) {
  std::vector<float> x = {1, -2};
  BaselineOptimizer optimizer(baseline, learning_rate, 2);
  for (int i = 0; i < steps; ++i) optimizer.Step(std::vector<float>(x), absl::MakeSpan(x));
  return (x[0] * x[0] + x[1] * x[1]) / 2;
}

TEST(BaselineTest, GoodLearningRatesBeatBadOnes) {
  for (const Baseline baseline : kBaselines) {
    EXPECT_LT(LossAfter(baseline, 0.03f, 200), 0.01f) << BaselineName(baseline);
    EXPECT_GT(LossAfter(baseline, 1e-5f, 200), 2.0f) << BaselineName(baseline);
  }
}

TEST(BaselineTest, FirstStepsAreTheTextbooks) {
  const auto first = [](Baseline baseline) {
    std::vector<float> x = {1};
    BaselineOptimizer(baseline, 0.5f, 1).Step({0.1f}, absl::MakeSpan(x));
    return x[0];
  };
  EXPECT_FLOAT_EQ(first(Baseline::kSgd), 1 - 0.5f * 0.1f);
  EXPECT_FLOAT_EQ(first(Baseline::kMomentum), 1 - 0.5f * 0.1f);
  EXPECT_NEAR(first(Baseline::kRmsProp), 1 - 0.5f / std::sqrt(0.1f), 1e-5);
  EXPECT_NEAR(first(Baseline::kAdam), 1 - 0.5f, 1e-5);
}

}  // namespace
}  // namespace seedcast
