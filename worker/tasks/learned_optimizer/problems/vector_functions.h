// Functions of n variables without data.
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

// (sum (|W x - y| + 1e-6)^p)^(1/p) with W (n, n) and y (n) drawn from N(0, 1).
std::unique_ptr<Problem> MakeNorm(int n, double p, const ProblemSeed& seed);

// isotropic_quadratic: |x|^2.
// dependency_chain: n x_0^2 + sum over i of x_i+1^2 / (x_i^2 + 1e-6), of n + 1 variables: each can only go to 0 after
// the
//   one before it.
// min_max_well: max x^2 + 1 / min x^2 - 2 + 1e-12: all but two entries of the gradient are 0.
std::unique_ptr<Problem> MakeVectorFunction(absl::string_view name, int n, const ProblemSeed& seed);

}  // namespace seedcast
