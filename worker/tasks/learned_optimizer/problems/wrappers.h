// Problems made of problems. They own what they wrap.
#pragma once

#include <memory>
#include <vector>

#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

// P(parameters / scale), started at scale times P's start.
std::unique_ptr<Problem> MakeRescaled(std::unique_ptr<Problem> inner, double scale);

// log(P + 1e-6) - log(1e-6). P's gradient must be that of its objective: no noise, no sparsity inside.
std::unique_ptr<Problem> MakeLog(std::unique_ptr<Problem> inner);

// The sum of objectives over parameters that lie one after another.
std::unique_ptr<Problem> MakeSum(std::vector<std::unique_ptr<Problem>> parts);

// Each entry of a mini-batch's gradient is 0 with the given probability.
std::unique_ptr<Problem> MakeSparse(std::unique_ptr<Problem> inner, double zero_probability, const ProblemSeed& seed);

// N(0, stdev^2) is added to each entry of a mini-batch's gradient, never to the objective.
std::unique_ptr<Problem> MakeNoisy(std::unique_ptr<Problem> inner, double stdev, const ProblemSeed& seed);

}  // namespace seedcast
