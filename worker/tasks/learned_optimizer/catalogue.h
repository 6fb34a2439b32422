// Problems by name. A name is a family ("softmax": all its members), or an expression:
//
//   problem   = kind [ "(" argument { "," argument } ")" ]        argument = number | problem
//   quadratic(n) bowl(condition [, degrees]) softmax(features, separation, batch) mlp(features, hidden..., batch: last)
//   rosenbrock saddle logsumexp ackley beale booth styblinski_tang matyas branin michalewicz norm(n, p) matmul(n, k)
//   dependency_chain(n) min_max_well(n) ...
//   rescale(problem, scale) log(problem) sum(problem, ...) sparse(problem [, probability]) noisy(problem, stdev)
//
// The families hold the 101 problems of the published meta-training set (algorithms of Wichrowska et al. 2017's code):
// catalogue.cc lists them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/tasks/learned_optimizer/problem.h"

namespace seedcast {

struct ProblemFamily {
  std::string name;
  std::vector<std::string> problems;  // expressions
};
// In the order of the published list; the families of the default set come first, those off by default after them.
const std::vector<ProblemFamily>& ProblemFamilies();

// A family's members, or the one expression in canonical spelling. INVALID_ARGUMENT names what was expected where:
// unknown kind (with the nearest name), wrong number of arguments, value out of range, unbalanced parenthesis.
absl::StatusOr<std::vector<std::string>> ExpandProblem(absl::string_view name);

struct ProblemOptions {
  bool unapplied_noise = false;  // Published.unapplied_noise
};
// The instance that `seed`, `stream` and `substream` name (PhiloxStream(seed, stream, substream, domain kTask)): data,
// batches, noise, starting points. `expression` is one that ExpandProblem gave.
absl::StatusOr<std::unique_ptr<Problem>> MakeProblem(absl::string_view expression, const ProblemOptions& options,
                                                     uint64_t seed, uint32_t stream, uint32_t substream);

}  // namespace seedcast
