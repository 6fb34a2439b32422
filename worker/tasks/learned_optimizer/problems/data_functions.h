// Functions of n variables and of unlabelled data (samples, n), of which only sums over the samples matter. Sums, not
// means: a mini-batch's objective is smaller than the whole set's.
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

// outward_snake: sum over samples of d_0 / (|x| + 1e-6) + sum over i of ((x_i+1 - pi cos x_i) d_i+1)^2, d of 0 and 1: a
//   winding path to infinity.
// projection_quadratic: sum over samples of |x * d|^2, entry by entry, d from N(0, I) and symmetric.
// sum_of_quadratics: sum over samples of |x - d|^2 - |d|^2, plus 1e-12, d likewise.
std::unique_ptr<Problem> MakeDataFunction(absl::string_view name, int n, int samples, int batch_size,
                                          const ProblemSeed& seed);

}  // namespace seedcast
