// What holds for every problem of every family: values and gradients against a reference in double, H v against
// differences of gradients, purity, descent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "tests/worker/tasks/learned_optimizer/reference_objective.h"
#include "worker/tasks/learned_optimizer/catalogue.h"
#include "worker/tasks/learned_optimizer/expression.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {
namespace {

constexpr uint64_t kSeed = 77;
constexpr uint32_t kStream = 5;
constexpr uint32_t kSubstream = 9;
constexpr int kDirections = 3;

std::unique_ptr<Problem> Make(const std::string& expression, uint32_t substream = kSubstream) {
  auto problem = MakeProblem(expression, {}, kSeed, kStream, substream);
  EXPECT_TRUE(problem.ok()) << problem.status();
  return *std::move(problem);
}

std::vector<float> StartOf(const Problem& problem, int restart = 0) {
  std::vector<float> start(problem.num_parameters());
  problem.InitialParameters(restart, absl::MakeSpan(start));
  return start;
}

// Entries N(0, 1), another one for each number.
std::vector<float> DirectionOf(const Problem& problem, int number) {
  std::vector<float> direction(problem.num_parameters());
  PhiloxStream random(1, number, 0, 0);
  FillNormals(random, absl::MakeSpan(direction));
  return direction;
}

double Dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

double Length(const std::vector<float>& a) { return std::sqrt(Dot(a, a)); }

// All problems of the families, each once, and what no family has.
std::vector<std::string> AllProblems() {
  std::set<std::string> names = {"isotropic_quadratic(7)",
                                 "sparse_softmax(40, 23)",
                                 "rescale(softmax(3, 1, 7), 2)",
                                 "log(mlp(3, 4, 11))",
                                 "convnet_sigmoid(3, 2, 5, 1, 2, 20)",
                                 "convnet_relu(6, 0.5, 5, 20)"};
  for (const ProblemFamily& family : ProblemFamilies()) names.insert(family.problems.begin(), family.problems.end());
  return {names.begin(), names.end()};
}

bool AltersGradient(const Expression& e) {
  return e.kind == "sparse" || (e.kind == "noisy" && e.numbers[0] > 0) ||
         std::any_of(e.problems.begin(), e.problems.end(), AltersGradient);
}

class EveryProblemTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Problem> problem_ = Make(GetParam());
  std::vector<float> start_ = StartOf(*problem_);
  Expression expression_ = *ParseExpression(GetParam(), {});
  bool altered_ = AltersGradient(expression_);

  ReferenceObjective Reference(int64_t batch) const {
    return MakeReference(expression_, ProblemSeed(kSeed, kStream, kSubstream), batch);
  }
  std::vector<float> Gradient(const std::vector<float>& at, int64_t batch) {
    std::vector<float> gradient(at.size());
    problem_->Gradient(at, batch, absl::MakeSpan(gradient));
    return gradient;
  }
  std::vector<float> ObjectiveGradient(const std::vector<float>& at) {
    std::vector<float> gradient(at.size());
    problem_->ObjectiveGradient(at, absl::MakeSpan(gradient));
    return gradient;
  }

  // The gradient's part along random directions against differences of the reference.
  void ExpectSlopes(const std::vector<float>& gradient, const ReferenceObjective& reference) {
    for (int number = 0; number < kDirections; ++number) {
      const std::vector<float> direction = DirectionOf(*problem_, number);
      const double h = 1e-7 * Length(start_) / Length(direction);  // hardly a ReLU's kink lies between
      std::vector<double> ahead(start_.begin(), start_.end()), behind = ahead;
      for (size_t i = 0; i < start_.size(); ++i) {
        ahead[i] += h * direction[i];
        behind[i] -= h * direction[i];
      }
      const double slope = (reference(ahead) - reference(behind)) / (2 * h);
      const double scale = Length(gradient) * Length(direction) / std::sqrt(static_cast<double>(gradient.size()));
      EXPECT_NEAR(Dot(gradient, direction), slope, 1e-4 * scale + 1e-7) << "direction " << number;
    }
  }
};

TEST_P(EveryProblemTest, HasItsParametersInTensors) {
  int64_t sum = 0;
  for (const int64_t size : problem_->tensor_sizes()) {
    EXPECT_GT(size, 0);
    sum += size;
  }
  EXPECT_EQ(sum, problem_->num_parameters());
}

TEST_P(EveryProblemTest, ObjectiveIsThatOfTheFormula) {
  const double expected = Reference(-1)({start_.begin(), start_.end()});
  EXPECT_NEAR(problem_->Objective(start_), expected, 2e-5 * std::abs(expected));
  EXPECT_GE(problem_->Objective(start_), 0);
}

TEST_P(EveryProblemTest, BatchObjectiveIsThatOfTheFormula) {
  for (const int64_t batch : {0, 13}) {
    const double expected = Reference(batch)({start_.begin(), start_.end()});
    EXPECT_NEAR(problem_->BatchObjective(start_, batch), expected, 2e-5 * std::abs(expected)) << batch;
  }
}

TEST_P(EveryProblemTest, ObjectiveGradientIsTheObjectivesSlope) {
  ExpectSlopes(ObjectiveGradient(start_), Reference(-1));
}

TEST_P(EveryProblemTest, GradientIsTheBatchObjectivesSlope) {
  if (altered_) {
    EXPECT_NE(Gradient(start_, 13), ObjectiveGradient(start_)) << "noise or sparsity alter it";
    return;
  }
  ExpectSlopes(Gradient(start_, 13), Reference(13));
}

// v' J u from differences of gradients along u, at two distances to cancel their errors of second order; u' J' v is
// what HessianTimes gives.
TEST_P(EveryProblemTest, HessianTimesIsTheGradientsChange) {
  if (expression_.kind == "convnet_relu") GTEST_SKIP() << "kinks between the points; classifier_test.cc has it";
  const int64_t batch = 2;
  for (int number = 0; number < kDirections; ++number) {
    const std::vector<float> u = DirectionOf(*problem_, number);
    const std::vector<float> v = DirectionOf(*problem_, number + kDirections);
    const double h = 1e-3 * std::max(1.0, Length(start_)) / Length(u);
    const auto along_v = [&](double distance) {
      std::vector<float> at = start_;
      for (size_t i = 0; i < u.size(); ++i) at[i] += static_cast<float>(distance * u[i]);
      return Dot(Gradient(at, batch), v);
    };
    const double near = (along_v(h / 2) - along_v(-h / 2)) / h;
    const double far = (along_v(h) - along_v(-h)) / (2 * h);
    std::vector<float> product(v.size());
    problem_->HessianTimes(start_, batch, v, absl::MakeSpan(product));
    const double rounding = 1e-6 * Length(Gradient(start_, batch)) * Length(v) / h;
    EXPECT_NEAR(Dot(product, u), (4 * near - far) / 3, 1e-2 * Length(product) * Length(u) + rounding);
  }
}

TEST_P(EveryProblemTest, IsAPureFunctionOfItsSeed) {
  const auto again = Make(GetParam());
  const auto other = Make(GetParam(), kSubstream + 1);
  EXPECT_EQ(StartOf(*again), start_);
  EXPECT_NE(StartOf(*other), start_);
  EXPECT_NE(StartOf(*again, 1), start_);
  EXPECT_EQ(StartOf(*again, 1), StartOf(*problem_, 1));
  const std::vector<float> late = Gradient(start_, 400), early = Gradient(start_, 3);
  std::vector<float> gradient(start_.size());
  again->Gradient(start_, 3, absl::MakeSpan(gradient));
  EXPECT_EQ(gradient, early) << "whatever was asked before";
  EXPECT_EQ(Gradient(start_, 400), late);
  EXPECT_EQ(again->Objective(start_), problem_->Objective(start_));
}

TEST_P(EveryProblemTest, SmallStepsDownTheGradientReduceIt) {
  const float first = problem_->Objective(start_);
  std::vector<float> at = start_;
  for (int step = 0; step < 100; ++step) {
    const std::vector<float> gradient = ObjectiveGradient(at);
    const double length = Length(gradient);
    const double rate = std::min(1e-3 * problem_->Objective(at) / length, 1e-2 * Length(at)) / length;
    for (size_t i = 0; i < at.size(); ++i) at[i] -= static_cast<float>(rate * gradient[i]);
  }
  EXPECT_LT(problem_->Objective(at), first);
  EXPECT_GE(problem_->Objective(at), 0);
}

TEST_P(EveryProblemTest, OnlyClassesHaveAnAccuracy) {
  const auto has = [](const char* name) { return GetParam().find(name) != std::string::npos; };
  const bool classes = expression_.kind != "sum" && (has("softmax") || has("mlp") || has("convnet"));
  const float accuracy = problem_->Accuracy(start_, false);
  EXPECT_EQ(std::isnan(accuracy), !classes);
  EXPECT_FALSE(accuracy < 0 || accuracy > 1) << accuracy;
}

TEST_P(EveryProblemTest, LetsNotANumberThrough) {
  std::vector<float> at = start_;
  at[0] = std::nanf("");
  EXPECT_FALSE(std::isfinite(problem_->Objective(at)));
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryProblemTest, testing::ValuesIn(AllProblems()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           std::string name;
                           for (const char c : info.param) name += std::isalnum(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace seedcast
