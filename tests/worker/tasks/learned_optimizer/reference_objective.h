// Every problem's objective again, in double, straight from its formula, and with nothing in common with the product's
// code but the drawing of data. Objectives only: gradients are checked against their differences.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "worker/tasks/learned_optimizer/expression.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

using ReferenceObjective = std::function<double(const std::vector<double>&)>;

// On mini-batch number `batch`, or the whole set where it is -1. The instance is that of MakeProblem with this seed.
ReferenceObjective MakeReference(const Expression& expression, const ProblemSeed& seed, int64_t batch);

}  // namespace seedcast
