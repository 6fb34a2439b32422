// Functions of two variables: those that optimizers are usually tried on, shifted to be >= 0, and the quadratic bowl.
#pragma once

#include <memory>

#include "absl/strings/string_view.h"
#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

// ackley, beale, booth, branin, logsumexp, matyas, michalewicz, rosenbrock, styblinski_tang; null for other names.
std::unique_ptr<Problem> MakePlaneFunction(absl::string_view name, const ProblemSeed& seed);

// 1/2 |A x|^2 with A = diag(sqrt(condition), 1) times the rotation by `degrees`.
std::unique_ptr<Problem> MakeBowl(double condition, double degrees, const ProblemSeed& seed);

}  // namespace seedcast
