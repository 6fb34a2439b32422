// Class F32: the same bits with every compiler, optimisation level and machine.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/digest.h"
#include "worker/tasks/learned_optimizer/catalogue.h"

namespace seedcast {
namespace {

// Everything a problem answers, at its start, for a mini-batch.
void Add(Problem& problem, Sha256* digest) {
  const size_t n = problem.num_parameters();
  std::vector<float> at(n), result(n);
  problem.InitialParameters(1, absl::MakeSpan(at));
  const float scalars[] = {problem.Objective(at), problem.BatchObjective(at, 31)};
  digest->Floats(at).Floats(scalars);
  problem.ObjectiveGradient(at, absl::MakeSpan(result));
  digest->Floats(result);
  problem.Gradient(at, 31, absl::MakeSpan(result));
  digest->Floats(result);
  const std::vector<float> gradient = result;
  problem.HessianTimes(at, 31, gradient, absl::MakeSpan(result));
  digest->Floats(result);
}

std::string DigestOf(const ProblemFamily& family) {
  Sha256 digest;
  for (const std::string& expression : family.problems) {
    const auto problem = MakeProblem(expression, {}, 2021, 7, 1);
    EXPECT_TRUE(problem.ok()) << problem.status();
    Add(**problem, &digest);
  }
  return ToHex(digest.Finish()).substr(0, 16);
}

TEST(ProblemBitsTest, AreThoseOfTheFirstRelease) {
  std::string digests;
  for (const ProblemFamily& family : ProblemFamilies()) digests += family.name + " " + DigestOf(family) + "\n";
  EXPECT_EQ(digests, R"(quadratic_noisy 2010e80885246f78
quadratic_large 5d4d509f51ca746b
bowl 3dc89e1dba3d34d0
bowl_noisy 74b31f4281339489
softmax 8831d81574ef0eaf
softmax_noisy 6d16425c9bed61a5
optimization_test b68e06a34ee6573e
optimization_test_noisy 729859739a09f90d
mlp 4dbdedfbe9350cc7
matmul 208cb21e449aa35a
log_objective dd31cac7eb1ba03b
sparse_gradient 60646c4dbff4035f
sparse_gradient_mlp fd5d1c57c67b2646
rescale ffadf60647cf260d
norm c164d1a674406145
norm_noisy c38f1dc8d472b5f8
sum 4ba1177e8771e0a5
sum_noisy c3c4d0fdc46e6c4a
quadratic f84450eeca02c6ae
sparse_softmax 97322f7feafc30da
one_hot_sparse_softmax 97322f7feafc30da
dependency_chain 80c4f7e727ad95a9
outward_snake fc4ff75404c2f545
min_max_well a795e2f9f6199845
sum_of_quadratics aa08aa58a1cc38b1
projection_quadratic 470594ba0d998ded
convnet 429a424acd0fdfde
)");
}

}  // namespace
}  // namespace seedcast
