// Noise and sparsity of gradients, as statistics over many mini-batches.
#include "worker/tasks/learned_optimizer/problems/wrappers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/catalogue.h"

namespace seedcast {
namespace {

constexpr int kBatches = 1000;
constexpr int kParameters = 50;

std::unique_ptr<Problem> Make(const std::string& expression) {
  auto problem = MakeProblem(expression, {}, 4, 5, 6);
  EXPECT_TRUE(problem.ok()) << problem.status();
  return *std::move(problem);
}

class WrappersTest : public testing::Test {
 protected:
  const std::vector<float> at_ = std::vector<float>(kParameters, 0.25f);

  std::vector<float> Clean(Problem& problem) const {
    std::vector<float> gradient(at_.size());
    problem.ObjectiveGradient(at_, absl::MakeSpan(gradient));
    return gradient;
  }
  std::vector<float> Gradient(Problem& problem, int64_t batch) const {
    std::vector<float> gradient(at_.size());
    problem.Gradient(at_, batch, absl::MakeSpan(gradient));
    return gradient;
  }
};

TEST_F(WrappersTest, NoiseHasItsMeanAndVarianceAndIsIndependent) {
  const auto problem = Make("noisy(isotropic_quadratic(50), 2)");
  const std::vector<float> clean = Clean(*problem);
  double sum = 0, squares = 0, neighbours = 0, successors = 0;
  std::vector<float> before(kParameters);
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<float> noise = Gradient(*problem, batch);
    for (int i = 0; i < kParameters; ++i) {
      noise[i] -= clean[i];
      sum += noise[i];
      squares += noise[i] * noise[i];
      successors += noise[i] * before[i];
      if (i > 0) neighbours += noise[i] * noise[i - 1];
    }
    before = noise;
  }
  // Five standard errors each.
  const double count = kBatches * kParameters;
  EXPECT_NEAR(sum / count, 0, 5 * 2 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 4, 5 * 4 * std::sqrt(2 / count));
  EXPECT_NEAR(neighbours / count, 0, 5 * 4 / std::sqrt(count));
  EXPECT_NEAR(successors / count, 0, 5 * 4 / std::sqrt(count));
}

TEST_F(WrappersTest, NoiseBelongsToTheBatchAndNotToTheParameters) {
  const auto problem = Make("noisy(isotropic_quadratic(50), 2)");
  EXPECT_EQ(Gradient(*problem, 7), Gradient(*problem, 7));
  EXPECT_NE(Gradient(*problem, 7), Gradient(*problem, 8));
  EXPECT_NE(Gradient(*problem, 7), Gradient(*problem, 7 + (int64_t{1} << 32))) << "numbers past 32 bits count";
}

TEST_F(WrappersTest, NoiseIsNotInTheObjective) {
  EXPECT_EQ(Make("noisy(isotropic_quadratic(50), 2)")->Objective(at_), Make("isotropic_quadratic(50)")->Objective(at_));
}

TEST_F(WrappersTest, SparsityLeavesOneEntryInAHundred) {
  const auto problem = Make("sparse(quadratic(50))");
  const std::vector<float> clean = Clean(*problem);
  std::vector<int> kept(kParameters);
  int total = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    const std::vector<float> gradient = Gradient(*problem, batch);
    for (int i = 0; i < kParameters; ++i) {
      EXPECT_TRUE(gradient[i] == 0 || gradient[i] == clean[i]);
      kept[i] += gradient[i] != 0;
      total += gradient[i] != 0;
    }
  }
  EXPECT_NEAR(total, 500, 5 * std::sqrt(500 * 0.99));
  EXPECT_THAT(kept, testing::Each(testing::AllOf(testing::Gt(0), testing::Lt(30)))) << "every entry gets its turn";
}

TEST_F(WrappersTest, SparsitysProbabilityIsThatGiven) {
  for (const auto& [probability, expected] : {std::pair{"0", 50}, std::pair{"1", 0}}) {
    const auto problem = Make(std::string("sparse(quadratic(50), ") + probability + ")");
    const std::vector<float> gradient = Gradient(*problem, 3);
    EXPECT_EQ(std::count_if(gradient.begin(), gradient.end(), [](float g) { return g != 0; }), expected);
  }
}

TEST_F(WrappersTest, RescaledStartsAreScaled) {
  std::vector<float> start(kParameters);
  Make("rescale(quadratic(50), 100)")->InitialParameters(0, absl::MakeSpan(start));
  double squares = 0;
  for (const float x : start) squares += x * x;
  EXPECT_NEAR(std::sqrt(squares / kParameters), 100, 40);
}

}  // namespace
}  // namespace seedcast
