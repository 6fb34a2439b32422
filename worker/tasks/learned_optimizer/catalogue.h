// Problems by name. A name is a family ("softmax": all its members), "default" (the default families), or an
// expression:
//
//   problem   = kind [ "(" argument { "," argument } ")" ]        argument = number | problem
//   quadratic(n) bowl(condition [, degrees]) norm(n, p) matmul(n, k) isotropic_quadratic(n)
//   ackley beale booth branin logsumexp matyas michalewicz rosenbrock styblinski_tang
//   softmax(features, separation, batch) mlp(features, hidden..., batch) sparse_softmax(samples, batch)
//   convnet_relu(size, separation, filters..., batch) convnet_sigmoid(size, separation, filters..., batch)
//   dependency_chain(n) min_max_well(n)
//   outward_snake(n, samples, batch) projection_quadratic(n, samples, batch) sum_of_quadratics(n, samples, batch)
//   rescale(problem, scale) log(problem) sum(problem, ...) sparse(problem [, probability]) noisy(problem, stdev)
//
// A convnet sees images of size * size pixels, drawn like softmax's features, and has a convolution for each number of
// filters, 3 x 3 and 5 x 5 in turn.
//
// catalogue.cc lists the families: the 101 problems of the published meta-training set, and those that its code has but
// leaves out. The saddle x^2 - y^2 of that code is not here: it is negative, and the meta-objective is a logarithm.
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
  bool by_default;                    // one of those that "default" stands for
};
// In the order of the published list; the families of the default set come first, those off by default after them.
const std::vector<ProblemFamily>& ProblemFamilies();

// A family's members, those of all default families for "default", or the one expression in canonical spelling.
// INVALID_ARGUMENT names what was expected where:
// unknown kind (with the nearest name), wrong number of arguments, value out of range, unbalanced parenthesis.
absl::StatusOr<std::vector<std::string>> ExpandProblem(absl::string_view name);

// How large an expression's problem is, without making its data.
struct ProblemShape {
  int64_t parameters = 0;
  int64_t tensors = 0;

  bool operator==(const ProblemShape&) const = default;
};
absl::StatusOr<ProblemShape> ShapeOfProblem(absl::string_view expression);

struct ProblemOptions {
  bool unapplied_noise = false;  // Published.unapplied_noise
};
// The instance that `seed`, `stream` and `substream` name (PhiloxStream(seed, stream, substream, domain kTask)): data,
// batches, noise, starting points. `expression` is one that ExpandProblem gave.
absl::StatusOr<std::unique_ptr<Problem>> MakeProblem(absl::string_view expression, const ProblemOptions& options,
                                                     uint64_t seed, uint32_t stream, uint32_t substream);

}  // namespace seedcast
