#include "worker/tasks/learned_optimizer/catalogue.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/tasks/learned_optimizer/expression.h"
#include "worker/tasks/learned_optimizer/problems/classifier.h"
#include "worker/tasks/learned_optimizer/problems/data_functions.h"
#include "worker/tasks/learned_optimizer/problems/dataset.h"
#include "worker/tasks/learned_optimizer/problems/matmul.h"
#include "worker/tasks/learned_optimizer/problems/plane_functions.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"
#include "worker/tasks/learned_optimizer/problems/quadratic.h"
#include "worker/tasks/learned_optimizer/problems/vector_functions.h"
#include "worker/tasks/learned_optimizer/problems/wrappers.h"

namespace seedcast {
namespace {

using Names = std::vector<std::string>;

// One name for each of `problems`: before + problem + after.
Names Wrapped(const std::string& before, const Names& problems, const std::string& after) {
  Names names;
  for (const std::string& problem : problems) names.push_back(absl::StrCat(before, problem, after));
  return names;
}

// The families that the published code trains on, then those it has but leaves out.
std::vector<ProblemFamily> MakeFamilies() {
  const Names bowls = {"bowl(0.1)", "bowl(1)", "bowl(5)", "bowl(5, 45)"};
  const Names plane = {"ackley", "beale",       "booth",      "branin",         "logsumexp",
                       "matyas", "michalewicz", "rosenbrock", "styblinski_tang"};
  const Names nets = {"mlp(8, 8, 5, 10)",        "mlp(12, 8, 5, 3, 200)",  "mlp(5, 4, 4, 4, 4, 100)",
                      "mlp(11, 4, 5, 6, 64)",    "mlp(9, 8, 128)",         "mlp(7, 8, 5, 16)",
                      "mlp(8, 32, 64, 10)",      "mlp(12, 16, 8, 3, 200)", "mlp(5, 8, 8, 8, 8, 100)",
                      "mlp(11, 10, 12, 12, 64)", "mlp(9, 32, 128)",        "mlp(7, 32, 64, 16)"};
  const Names basic = {"quadratic(20)", "quadratic(50)", "quadratic(100)", "bowl(0.1)", "bowl(1)", "bowl(5)"};
  const std::string seven =
      "sum(quadratic(11), quadratic(3), quadratic(9), quadratic(7), quadratic(5), quadratic(13), quadratic(12))";
  const std::string noisy_seven =
      "sum(noisy(quadratic(11), 0.1), noisy(quadratic(3), 0.1), noisy(quadratic(9), 0.1), noisy(quadratic(7), 0.1), "
      "noisy(quadratic(5), 0.1), noisy(quadratic(13), 0.1), noisy(quadratic(12), 0.1))";
  const std::string nine = "rosenbrock, logsumexp, ackley, beale, booth, styblinski_tang, matyas, branin, michalewicz";
  const Names sampled = {"(20, 1000, 100)", "(12, 100, 10)", "(56, 5000, 100)", "(64, 1000, 50)", "(13, 10000, 50)",
                         "(20, 1000, 128)", "(12, 100, 16)", "(56, 5000, 128)", "(64, 1000, 64)", "(13, 10000, 32)"};
  const Names snakes = {"(20, 1000, 100)", "(12, 200, 10)", "(56, 5000, 100)", "(64, 1000, 50)", "(13, 10000, 50)",
                        "(20, 1000, 128)", "(12, 300, 16)", "(56, 5000, 128)", "(64, 1000, 64)", "(13, 10000, 32)"};
  return {
      {"quadratic_noisy",
       {"noisy(quadratic(20), 0.5)", "noisy(quadratic(25), 0)", "noisy(quadratic(50), 1)", "noisy(quadratic(100), 2)"},
       true},
      {"quadratic_large", {"quadratic(784)", "quadratic(1024)", "quadratic(2048)"}, true},
      {"bowl", bowls, true},
      {"bowl_noisy", Wrapped("noisy(", bowls, ", 0.1)"), true},
      {"softmax",
       {"softmax(10, 2, 100)", "softmax(100, 1, 50)", "softmax(200, 1.5, 20)", "softmax(256, 1.5, 100)"},
       true},
      {"softmax_noisy",
       {"noisy(softmax(10, 2, 100), 0.5)", "noisy(softmax(100, 1, 50), 0.1)", "noisy(softmax(200, 1.5, 20), 0.1)",
        "noisy(softmax(256, 1.5, 100), 0.5)"},
       true},
      {"optimization_test", plane, true},
      {"optimization_test_noisy", Wrapped("noisy(", plane, ", 1)"), true},
      {"mlp", nets, true},
      {"matmul",
       {"matmul(2, 5)", "matmul(2, 6)", "matmul(2, 7)", "matmul(2, 8)", "matmul(3, 19)", "matmul(3, 20)",
        "matmul(3, 21)", "matmul(3, 22)", "matmul(3, 23)", "matmul(3, 24)"},
       true},
      {"log_objective", Wrapped("log(", basic, ")"), true},
      {"sparse_gradient", Wrapped("sparse(", basic, ")"), true},
      {"sparse_gradient_mlp", Wrapped("sparse(", {nets[0], nets[1], nets[2]}, ")"), true},
      {"rescale",
       {"rescale(norm(18, 2.5), 0.123)", "rescale(norm(18, 1.5), 8)", "rescale(norm(18, 2), 50)",
        "rescale(norm(18, 3), 200)", "rescale(norm(18, 1), 1000)", "rescale(quadratic(20), 0.1)",
        "rescale(quadratic(25), 10)", "rescale(quadratic(50), 350)", "rescale(quadratic(100), 132)"},
       true},
      {"norm", {"norm(27, 1)", "norm(25, 2)", "norm(22, 3)"}, true},
      {"norm_noisy", {"noisy(norm(19, 1), 0.1)", "noisy(norm(26, 2), 0.1)", "noisy(norm(23, 3), 0.1)"}, true},
      {"sum",
       {seven, "sum(norm(18, 3), quadratic(25), rosenbrock)", absl::StrCat("sum(", nine, ")"),
        absl::StrCat("sum(", nine, ", quadratic(5), quadratic(13))"), "sum(quadratic(11), quadratic(3))",
        "sum(rosenbrock, logsumexp, ackley)"},
       true},
      {"sum_noisy", {noisy_seven, absl::StrCat("sum(", nine, ", quadratic(5), noisy(quadratic(13), 0.5))")}, true},
      {"quadratic", {"quadratic(20)", "quadratic(25)", "quadratic(50)", "quadratic(100)"}, false},
      // The published code computes one function in two ways; 5 samples make every batch the whole set.
      {"sparse_softmax", {"sparse_softmax(5, 5)"}, false},
      {"one_hot_sparse_softmax", {"sparse_softmax(5, 5)"}, false},
      // The published list names each of these twice, with data that the objective does not look at.
      {"dependency_chain",
       {"dependency_chain(20)", "dependency_chain(12)", "dependency_chain(56)", "dependency_chain(64)",
        "dependency_chain(13)"},
       false},
      {"outward_snake", Wrapped("outward_snake", snakes, ""), false},
      {"min_max_well",
       {"min_max_well(20)", "min_max_well(12)", "min_max_well(56)", "min_max_well(64)", "min_max_well(13)"},
       false},
      {"sum_of_quadratics", Wrapped("sum_of_quadratics", sampled, ""), false},
      {"projection_quadratic", Wrapped("projection_quadratic", sampled, ""), false},
      // The published code's two are for tests only: 28 x 28 pixels, ten classes that its objective refuses, and data
      // that its data module does not have.
      {"convnet", {"convnet_relu(8, 1, 4, 4, 64)", "convnet_sigmoid(8, 1, 4, 4, 64)"}, false},
  };
}

std::vector<std::string> FamilyNames() {
  std::vector<std::string> names = {"default"};
  for (const ProblemFamily& family : ProblemFamilies()) names.push_back(family.name);
  return names;
}

bool IsConvnet(const std::string& kind) { return kind == "convnet_relu" || kind == "convnet_sigmoid"; }

bool Classifies(const std::string& kind) {
  return kind == "softmax" || kind == "mlp" || kind == "sparse_softmax" || IsConvnet(kind);
}

// Of a kind that classifies.
ClassifierNet NetOf(const Expression& expression) {
  const std::string& kind = expression.kind;
  const std::vector<double>& numbers = expression.numbers;
  const int first = static_cast<int>(numbers[0]);
  if (kind == "sparse_softmax") {
    const NetworkLayer embedding{.channels = 2, .filters = 5, .bias = false, .activation = Activation::kNone};
    const NetworkLayer logits{.channels = 5, .filters = 2, .activation = Activation::kNone};
    return {{embedding, logits}};
  }
  if (kind == "softmax") return FullyConnectedNet(first, {});
  if (IsConvnet(kind)) {
    const Activation activation = kind == "convnet_relu" ? Activation::kRelu : Activation::kSigmoid;
    return ConvolutionalNet(first, {numbers.begin() + 2, numbers.end() - 1}, activation);
  }
  return FullyConnectedNet(first, {numbers.begin() + 1, numbers.end() - 1});
}

Dataset DataOf(const Expression& expression, PhiloxStream& random) {
  const std::string& kind = expression.kind;
  const int first = static_cast<int>(expression.numbers[0]);
  if (kind == "sparse_softmax") return MakeNoisyParity(first, random);
  if (kind == "softmax") return MakeClusters(first, expression.numbers[1], random);
  if (IsConvnet(kind)) return MakeClusters(first * first, expression.numbers[1], random);
  return MakeNetworkLabels(first, random);
}

std::unique_ptr<Problem> MakeClassifier(const Expression& expression, const ProblemSeed& seed) {
  PhiloxStream random = seed.Stream(ProblemSeed::Purpose::kData);
  const int batch = static_cast<int>(expression.numbers.back());
  return std::make_unique<Classifier>(NetOf(expression), DataOf(expression, random), batch, seed);
}

ProblemShape ShapeOf(const Expression& expression) {
  ProblemShape shape;
  if (!expression.problems.empty()) {
    for (const Expression& inner : expression.problems) {
      const ProblemShape part = ShapeOf(inner);
      shape.parameters += part.parameters;
      shape.tensors += part.tensors;
    }
    return shape;
  }
  if (Classifies(expression.kind)) {
    for (const NetworkLayer& layer : NetOf(expression).layers) {
      shape.parameters += layer.parameters();
      shape.tensors += layer.bias ? 2 : 1;
    }
    return shape;
  }
  if (expression.numbers.empty() || expression.kind == "bowl") return {2, 1};
  const auto n = static_cast<int64_t>(expression.numbers[0]);
  if (expression.kind == "matmul") return {2 * n * n * static_cast<int64_t>(expression.numbers[1]), 2};
  if (expression.kind == "dependency_chain") return {n + 1, 1};
  return {n, 1};
}

std::unique_ptr<Problem> MakeSimple(const Expression& expression, const ProblemSeed& seed) {
  const std::string& kind = expression.kind;
  if (Classifies(kind)) return MakeClassifier(expression, seed);
  if (expression.numbers.empty()) return MakePlaneFunction(kind, seed);
  const int n = static_cast<int>(expression.numbers[0]);
  if (kind == "quadratic") return std::make_unique<Quadratic>(n, seed);
  if (kind == "bowl") return MakeBowl(expression.numbers[0], expression.numbers[1], seed);
  if (kind == "norm") return MakeNorm(n, expression.numbers[1], seed);
  if (kind == "matmul") return MakeMatmul(n, static_cast<int>(expression.numbers[1]), seed);
  if (expression.numbers.size() == 3) {
    return MakeDataFunction(kind, n, static_cast<int>(expression.numbers[1]), static_cast<int>(expression.numbers[2]),
                            seed);
  }
  return MakeVectorFunction(kind, n, seed);
}

std::unique_ptr<Problem> Make(const Expression& expression, bool inside_sum, const ProblemOptions& options,
                              const ProblemSeed& seed) {
  if (expression.problems.empty()) return MakeSimple(expression, seed);
  std::vector<std::unique_ptr<Problem>> parts;
  for (const Expression& inner : expression.problems) {
    const bool summed = inside_sum || expression.kind == "sum";
    parts.push_back(Make(inner, summed, options, seed.Part(static_cast<int>(parts.size()))));
  }
  if (expression.kind == "sum") return MakeSum(std::move(parts));
  if (expression.kind == "log") return MakeLog(std::move(parts[0]));
  const double number = expression.numbers[0];
  if (expression.kind == "rescale") return MakeRescaled(std::move(parts[0]), number);
  if (expression.kind == "sparse") return MakeSparse(std::move(parts[0]), number, seed);
  if (inside_sum && options.unapplied_noise) return std::move(parts[0]);
  return MakeNoisy(std::move(parts[0]), number, seed);
}

}  // namespace

const std::vector<ProblemFamily>& ProblemFamilies() {
  static const auto* families = new std::vector<ProblemFamily>(MakeFamilies());
  return *families;
}

absl::StatusOr<std::vector<std::string>> ExpandProblem(absl::string_view name) {
  std::vector<std::string> problems;
  for (const ProblemFamily& family : ProblemFamilies()) {
    if (name == family.name) return family.problems;
    if (name == "default" && family.by_default) {
      problems.insert(problems.end(), family.problems.begin(), family.problems.end());
    }
  }
  if (!problems.empty()) return problems;
  ASSIGN_OR_RETURN(const Expression expression, ParseExpression(name, FamilyNames()));
  return std::vector<std::string>{Spell(expression)};
}

absl::StatusOr<ProblemShape> ShapeOfProblem(absl::string_view expression) {
  ASSIGN_OR_RETURN(const Expression parsed, ParseExpression(expression, FamilyNames()));
  return ShapeOf(parsed);
}

absl::StatusOr<std::unique_ptr<Problem>> MakeProblem(absl::string_view expression, const ProblemOptions& options,
                                                     uint64_t seed, uint32_t stream, uint32_t substream) {
  ASSIGN_OR_RETURN(const Expression parsed, ParseExpression(expression, FamilyNames()));
  return Make(parsed, false, options, ProblemSeed(seed, stream, substream));
}

}  // namespace seedcast
