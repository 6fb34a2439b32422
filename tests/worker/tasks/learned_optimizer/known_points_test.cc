// Values that can be checked by hand or in a book, and where the minima are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/catalogue.h"

namespace seedcast {
namespace {

struct Point {
  std::string problem;
  std::vector<float> at;
  double value;
  double tolerance = 1e-5;
};

std::unique_ptr<Problem> Make(const std::string& expression) {
  auto problem = MakeProblem(expression, {}, 1, 2, 3);
  EXPECT_TRUE(problem.ok()) << problem.status();
  return *std::move(problem);
}

TEST(KnownPointsTest, ValuesByHand) {
  const std::vector<Point> points = {
      {"bowl(5)", {1, 2}, 4.5},       // (5 + 4) / 2
      {"bowl(5, 90)", {1, 2}, 10.5},  // axes change places: (20 + 1) / 2
      {"bowl(9, 45)", {1, 0}, 2.5},   // (9 + 1) / 4
      {"rosenbrock", {0, 0}, 1},      //
      {"rosenbrock", {-1, 2}, 104},   // 4 + 100
      {"booth", {0, 0}, 74},          // 49 + 25
      {"beale", {0, 0}, 14.203125},   // 1.5^2 + 2.25^2 + 2.625^2
      {"beale", {1, 1}, 14.203125},   // the same brackets
      {"matyas", {1, 1}, 0.04},       //
      {"logsumexp", {0, 0}, std::log(3 * std::exp(-0.1) + 1)},
      {"styblinski_tang", {0, 0}, 80},  //
      {"styblinski_tang", {1, 2}, 56},  // (-10 - 38) / 2 + 80
      {"michalewicz", {0, 0}, 2},       //
      {"branin", {0, 0}, 36 + 10 * (1 - 1 / (8 * M_PI)) + 10, 1e-4},
      {"ackley", {1, 0}, 20 - 20 * std::exp(-0.2 * std::sqrt(0.5))},  // e^1 - e^1 goes
      {"isotropic_quadratic(3)", {1, 2, 3}, 14},
      {"dependency_chain(2)", {1, 2, 4}, 10},  // 2 + 4/1 + 16/4
      {"min_max_well(3)", {0.5f, 1, -2}, 6},   // 4 + 4 - 2
      {"rescale(isotropic_quadratic(1), 10)", {20}, 4},
      {"log(isotropic_quadratic(1))", {1}, std::log(1 + 1e-6) - std::log(1e-6)},
      {"sum(rosenbrock, isotropic_quadratic(1), booth)", {0, 0, 2, 0, 0}, 79},
  };
  for (const Point& point : points) {
    EXPECT_NEAR(Make(point.problem)->Objective(point.at), point.value, point.tolerance) << point.problem;
  }
}

// Where the objective is what it says, the gradient is 0 and there is nothing lower near by.
TEST(KnownPointsTest, Minima) {
  const std::vector<Point> points = {
      {"ackley", {0, 0}, 0},
      {"beale", {3, 0.5f}, 0},
      {"booth", {1, 3}, 0},
      {"branin", {static_cast<float>(-M_PI), 12.275f}, 0.397887},
      {"branin", {static_cast<float>(M_PI), 2.275f}, 0.397887},
      {"branin", {9.42478f, 2.475f}, 0.397887},
      {"matyas", {0, 0}, 0},
      {"michalewicz", {2.1853120f, 1.5707963f}, 0.1933771},
      {"rosenbrock", {1, 1}, 0},
      {"styblinski_tang", {-2.9035340f, -2.9035340f}, 80 - 78.332331},
      {"min_max_well(2)", {1, -1}, 0},
      {"log(bowl(3))", {0, 0}, 0},
      {"sum_of_quadratics(3, 20, 10)", {0, 0, 0}, 0},
  };
  for (const Point& point : points) {
    const auto problem = Make(point.problem);
    EXPECT_NEAR(problem->Objective(point.at), point.value, 2e-5) << point.problem;
    EXPECT_GE(problem->Objective(point.at), 0) << point.problem;
    for (int i = 0; i < 8; ++i) {
      std::vector<float> near = point.at;
      near[0] += 0.01f * static_cast<float>(std::cos(i * M_PI / 4));
      near[1] += 0.01f * static_cast<float>(std::sin(i * M_PI / 4));
      EXPECT_GT(problem->Objective(near), problem->Objective(point.at)) << point.problem << " " << i;
    }
  }
}

TEST(KnownPointsTest, AckleysMinimumIsAPlaceToRest) {
  const auto problem = Make("ackley");
  std::vector<float> at(2), gradient(2, 1);
  problem->ObjectiveGradient(at, absl::MakeSpan(gradient));
  EXPECT_THAT(gradient, testing::Each(testing::FloatNear(0, 1e-6)));
}

// Strassen's algorithm multiplies 2 x 2 matrices with 7 multiplications.
TEST(KnownPointsTest, StrassensAlgorithmSolvesMatmul) {
  const float a[4][7] = {{1, 0, 1, 0, 1, -1, 0}, {0, 0, 0, 0, 1, 0, 1}, {0, 1, 0, 0, 0, 1, 0}, {1, 1, 0, 1, 0, 0, -1}};
  const float b[4][7] = {{1, 1, 0, -1, 0, 1, 0}, {0, 0, 1, 0, 0, 1, 0}, {0, 0, 0, 1, 0, 0, 1}, {1, 0, -1, 0, 1, 0, 1}};
  std::vector<float> at(&a[0][0], &a[0][0] + 28);
  at.insert(at.end(), &b[0][0], &b[0][0] + 28);
  const auto problem = Make("matmul(2, 7)");
  EXPECT_NEAR(problem->Objective(at), 0, 1e-6);
  at[0] += 0.1f;
  EXPECT_GT(problem->Objective(at), 1e-4);
}

TEST(KnownPointsTest, MatmulStartsWithColumnsOfLengthOne) {
  std::vector<float> start(40);
  Make("matmul(2, 5)")->InitialParameters(0, absl::MakeSpan(start));
  for (int theta = 0; theta < 2; ++theta) {
    for (int column = 0; column < 5; ++column) {
      double square = 0;
      for (int row = 0; row < 4; ++row) square += std::pow(start[theta * 20 + row * 5 + column], 2);
      EXPECT_NEAR(square, 1, 1e-5);
    }
  }
}

TEST(KnownPointsTest, PlaneFunctionsStartInTheirRanges) {
  const struct {
    std::string problem;
    float low_x, high_x, low_y, high_y;
  } cases[] = {{"ackley", -32.768f, 32.768f, -32.768f, 32.768f},
               {"beale", -4.5f, 4.5f, -4.5f, 4.5f},
               {"branin", -5, 10, 0, 15},
               {"michalewicz", 0, 3.14160f, 0, 3.14160f},
               {"rosenbrock", -5, 10, -5, 10},
               {"styblinski_tang", -5, 5, -5, 5},
               {"booth", -10, 10, -10, 10},
               {"matyas", -10, 10, -10, 10}};
  for (const auto& range : cases) {
    const auto problem = Make(range.problem);
    float least = std::numeric_limits<float>::infinity(), most = -least;
    for (int restart = 0; restart < 500; ++restart) {
      std::vector<float> start(2);
      problem->InitialParameters(restart, absl::MakeSpan(start));
      EXPECT_TRUE(start[1] >= range.low_y && start[1] <= range.high_y) << range.problem;
      least = std::min(least, start[0]);
      most = std::max(most, start[0]);
    }
    const float slack = 0.03f * (range.high_x - range.low_x);
    EXPECT_TRUE(least >= range.low_x && least < range.low_x + slack) << range.problem << " " << least;
    EXPECT_TRUE(most <= range.high_x && most > range.high_x - slack) << range.problem << " " << most;
  }
}

}  // namespace
}  // namespace seedcast
