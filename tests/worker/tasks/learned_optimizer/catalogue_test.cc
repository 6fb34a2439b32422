#include "worker/tasks/learned_optimizer/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Expand(const std::string& name) {
  const auto problems = ExpandProblem(name);
  EXPECT_TRUE(problems.ok()) << problems.status();
  return problems.ok() ? *problems : std::vector<std::string>();
}

std::unique_ptr<Problem> Make(const std::string& expression, const ProblemOptions& options = {}) {
  auto problem = MakeProblem(expression, options, 1, 2, 3);
  EXPECT_TRUE(problem.ok()) << problem.status();
  return *std::move(problem);
}

TEST(CatalogueTest, HasThe101ProblemsOfThePublishedSet) {
  const std::map<std::string, size_t> expected = {{"quadratic_noisy", 4},
                                                  {"quadratic_large", 3},
                                                  {"bowl", 4},
                                                  {"bowl_noisy", 4},
                                                  {"softmax", 4},
                                                  {"softmax_noisy", 4},
                                                  {"mlp", 12},
                                                  {"optimization_test", 9},
                                                  {"matmul", 10},
                                                  {"optimization_test_noisy", 9},
                                                  {"rescale", 9},
                                                  {"log_objective", 6},
                                                  {"sparse_gradient", 6},
                                                  {"sparse_gradient_mlp", 3},
                                                  {"norm", 3},
                                                  {"norm_noisy", 3},
                                                  {"sum", 6},
                                                  {"sum_noisy", 2}};
  std::map<std::string, size_t> counts;
  for (const ProblemFamily& family : ProblemFamilies()) {
    if (family.by_default) counts[family.name] = family.problems.size();
    EXPECT_EQ(Expand(family.name), family.problems);
  }
  EXPECT_EQ(counts, expected);
  EXPECT_EQ(Expand("default").size(), 101u);
}

TEST(CatalogueTest, HasTheFamiliesThatAreOffByDefault) {
  std::vector<std::string> off;
  for (const ProblemFamily& family : ProblemFamilies()) {
    if (!family.by_default) off.push_back(family.name);
  }
  EXPECT_THAT(off,
              ElementsAre("quadratic", "sparse_softmax", "one_hot_sparse_softmax", "dependency_chain", "outward_snake",
                          "min_max_well", "sum_of_quadratics", "projection_quadratic", "convnet"));
}

TEST(CatalogueTest, FamiliesHoldCanonicalExpressions) {
  for (const ProblemFamily& family : ProblemFamilies()) {
    for (const std::string& problem : family.problems) EXPECT_THAT(Expand(problem), ElementsAre(problem));
  }
}

TEST(CatalogueTest, KnowsHowLargeAProblemIsWithoutMakingIt) {
  std::vector<std::string> problems = {"isotropic_quadratic(7)", "sparse_softmax(8, 4)", "min_max_well(3)",
                                       "convnet_relu(5, 1, 3, 2, 4, 8)",
                                       "noisy(sum(matmul(2, 5), rescale(mlp(3, 4, 2), 2)), 0.1)"};
  for (const ProblemFamily& family : ProblemFamilies()) {
    problems.insert(problems.end(), family.problems.begin(), family.problems.end());
  }
  for (const std::string& problem : problems) {
    const auto made = Make(problem);
    const auto shape = ShapeOfProblem(problem);
    ASSERT_TRUE(shape.ok()) << shape.status();
    EXPECT_EQ(shape->parameters, made->num_parameters()) << problem;
    EXPECT_EQ(shape->tensors, static_cast<int64_t>(made->tensor_sizes().size())) << problem;
  }
  EXPECT_FALSE(ShapeOfProblem("quadratik(3)").ok());
}

TEST(CatalogueTest, SpellsAnExpressionInOneWay) {
  const std::map<std::string, std::string> cases = {
      {"  bowl( 5 ,0 )", "bowl(5)"},
      {"bowl(5.0,45)", "bowl(5, 45)"},
      {"sparse(mlp(8,8,5,10) , 0.99)", "sparse(mlp(8, 8, 5, 10))"},
      {"sparse(bowl(1e-1), .5)", "sparse(bowl(0.1), 0.5)"},
      {"rescale(rosenbrock,0.12345678901)", "rescale(rosenbrock, 0.12345678901)"},
      {"rosenbrock", "rosenbrock"},
      {"sum(rosenbrock,noisy(quadratic(3), 1))", "sum(rosenbrock, noisy(quadratic(3), 1))"},
      {"quadratic(4096)", "quadratic(4096)"},
  };
  for (const auto& [written, canonical] : cases) EXPECT_THAT(Expand(written), ElementsAre(canonical)) << written;
}

TEST(CatalogueTest, SaysWhatIsWrongWithAnExpression) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "expected a problem's name at position 1, got the end"},
      {"7", "expected a problem's name at position 1, got '7'"},
      {"quadratik(20)", "unknown name 'quadratik'; did you mean 'quadratic'?"},
      {"softmax_nosy", "unknown name 'softmax_nosy'; did you mean 'softmax_noisy'?"},
      {"saddle", "unknown name 'saddle'"},
      {"noisy(rosenbrok, 1)", "unknown name 'rosenbrok'; did you mean 'rosenbrock'?"},
      {"quadratic(20", "expected ',' or ')' at position 13, got the end"},
      {"quadratic(20))", "expected the end at position 14, got ')'"},
      {"quadratic()", "expected a number or a problem at position 11, got ')'"},
      {"quadratic(20,)", "expected a number or a problem at position 14, got ')'"},
      {"quadratic(x20)", "unknown name 'x'"},
      {"quadratic(2x)", "expected a number or a problem at position 11"},
      {"quadratic(inf)", "unknown name 'inf'"},
      {"quadratic(1e999)", "expected a number or a problem at position 11"},
      {"quadratic(2, 3)", "expected quadratic(n), got 0 problems and 2 numbers"},
      {"noisy(1)", "expected noisy(problem, stdev), got 0 problems and 1 numbers"},
      {"noisy(quadratic(2))", "expected noisy(problem, stdev), got 1 problems and 0 numbers"},
      {"noisy(1, quadratic(2))", "expected a number, for problems stand before numbers, at position 10, got 'q'"},
      {"rosenbrock(2)", "expected rosenbrock, got 0 problems and 1 numbers"},
      {"quadratic(ackley)", "expected quadratic(n), got 1 problems and 0 numbers"},
      {"mlp(8, 10)", "expected mlp(features, hidden..., batch), got 0 problems and 2 numbers"},
      {"quadratic(0)", "quadratic: expected n (whole) 1 .. 4096, got 0"},
      {"quadratic(2.5)", "quadratic: expected n (whole) 1 .. 4096, got 2.5"},
      {"quadratic(100000)", "quadratic: expected n (whole) 1 .. 4096, got 100000"},
      {"softmax(10, 1, 1001)", "softmax: expected batch (whole) 1 .. 1000, got 1001"},
      {"mlp(8, 2000, 10)", "mlp: expected hidden (whole) 1 .. 1024, got 2000"},
      {"mlp(8, 5, 5, 5, 5, 0)", "mlp: expected batch (whole) 1 .. 1000, got 0"},
      {"convnet_relu(8, 1, 64)", "expected convnet_relu(size, separation, filters..., batch), got 0 problems and 3"},
      {"convnet_relu(33, 1, 4, 64)", "convnet_relu: expected size (whole) 2 .. 32, got 33"},
      {"convnet_sigmoid(8, 0, 4, 64)", "convnet_sigmoid: expected separation 0.01 .. 100, got 0"},
      {"convnet_sigmoid(8, 1, 4, 65, 4, 64)", "convnet_sigmoid: expected filters (whole) 1 .. 64, got 65"},
      {"convnet_sigmoid(8, 1, 4, 4, 1001)", "convnet_sigmoid: expected batch (whole) 1 .. 1000, got 1001"},
      {"convnet(8, 1, 4, 64)", "'convnet' is a family: it stands alone, without arguments"},
      {"noisy(bowl_noisy, 1)", "'bowl_noisy' is a family: it stands alone, without arguments"},
      {"bowl(-1)", "bowl: expected condition 1e-06 .. 1e+06, got -1"},
      {"norm(3, 0.5)", "norm: expected p 1 .. 100, got 0.5"},
      {"matmul(2, 9)", "matmul: expected n^2 <= k <= n^3, got k = 9"},
      {"sparse(ackley, 1.5)", "sparse: expected probability 0 .. 1, got 1.5"},
      {"rescale(ackley, 0)", "rescale: expected scale 1e-06 .. 1e+06, got 0"},
      {"outward_snake(20, 50, 60)", "outward_snake: expected batch <= samples, got 60"},
      {"sum_of_quadratics(20, 51, 10)", "sum_of_quadratics: expected an even number of samples, got 51"},
      {"log(sum(ackley, noisy(booth, 1)))", "log: noisy and sparse stand outside of it"},
      {"log(sum_of_quadratics(5, 20, 10))", "log: a mini-batch of sum_of_quadratics may be negative"},
      {"log(log(log(log(log(log(log(log(log(booth)))))))))", "expected at most 8 problems inside each other"},
  };
  for (const auto& [expression, message] : cases) {
    const auto expanded = ExpandProblem(expression);
    EXPECT_EQ(expanded.status().code(), absl::StatusCode::kInvalidArgument) << expression;
    EXPECT_THAT(std::string(expanded.status().message()), HasSubstr(message));
    EXPECT_FALSE(MakeProblem(expression, {}, 1, 2, 3).ok());
  }
}

TEST(CatalogueTest, MakesProblemsOfThePublishedSizes) {
  const std::map<std::string, int64_t> cases = {{"mlp(8, 8, 5, 10)", 129},
                                                {"mlp(12, 8, 5, 3, 200)", 175},
                                                {"mlp(5, 4, 4, 4, 4, 100)", 94},
                                                {"mlp(11, 4, 5, 6, 64)", 123},
                                                {"mlp(9, 8, 128)", 98},
                                                {"mlp(7, 8, 5, 16)", 121},
                                                {"mlp(8, 32, 64, 10)", 2530},
                                                {"mlp(12, 16, 8, 3, 200)", 379},
                                                {"mlp(5, 8, 8, 8, 8, 100)", 282},
                                                {"mlp(11, 10, 12, 12, 64)", 434},
                                                {"mlp(9, 32, 128)", 386},
                                                {"mlp(7, 32, 64, 16)", 2498},
                                                {"matmul(2, 5)", 40},
                                                {"matmul(2, 8)", 64},
                                                {"matmul(3, 19)", 342},
                                                {"matmul(3, 24)", 432},
                                                {"softmax(100, 1, 50)", 202},
                                                {"sparse_softmax(5, 5)", 22},
                                                {"convnet_relu(28, 1, 8, 8, 64)", 72 + 1600 + 12544 + 2},
                                                {"dependency_chain(12)", 13},
                                                {"rosenbrock", 2}};
  for (const auto& [expression, size] : cases) EXPECT_EQ(Make(expression)->num_parameters(), size) << expression;
}

TEST(CatalogueTest, ASumsTensorsAreThoseOfItsParts) {
  const auto problem = Make("sum(rosenbrock, matmul(2, 5), softmax(3, 1, 10))");
  EXPECT_THAT(problem->tensor_sizes(), ElementsAre(2, 20, 20, 6, 2));
}

TEST(CatalogueTest, UnappliedNoiseIsThatInsideASum) {
  std::vector<float> at(10, 0.5f), objective_gradient(10), gradient(10);
  for (const bool unapplied : {false, true}) {
    const auto sum = Make("sum(noisy(quadratic(6), 1), quadratic(4))", {.unapplied_noise = unapplied});
    sum->ObjectiveGradient(at, absl::MakeSpan(objective_gradient));
    sum->Gradient(at, 0, absl::MakeSpan(gradient));
    EXPECT_EQ(gradient == objective_gradient, unapplied);
    EXPECT_EQ(gradient[9], objective_gradient[9]) << "the part without noise";

    const auto alone = Make("noisy(quadratic(10), 1)", {.unapplied_noise = unapplied});
    alone->ObjectiveGradient(at, absl::MakeSpan(objective_gradient));
    alone->Gradient(at, 0, absl::MakeSpan(gradient));
    EXPECT_NE(gradient, objective_gradient);
  }
}

TEST(CatalogueTest, CountsItsBytes) {
  EXPECT_GE(Make("quadratic(1024)")->Bytes(), 4 << 20);
  EXPECT_LT(Make("quadratic(1024)")->Bytes(), 5 << 20);
  EXPECT_GE(Make("noisy(softmax(100, 1, 50), 1)")->Bytes(), 400000);
}

}  // namespace
}  // namespace seedcast
