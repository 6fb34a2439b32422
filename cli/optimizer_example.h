// A worked example that goes with an exported optimizer, so that another program can check its own writing of the
// equations (examples/step_with_numpy.py does): the losses of a small quadratic f(x) = 1/2 |W x - y|^2.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "cli/npz.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {

struct OptimizerExample {
  std::vector<float> global_from_last_tensor;  // (1), the option: 0 or 1
  std::vector<float> tensor_sizes;             // x comes in so many tensors
  std::vector<float> matrix;                   // (n, n), W
  std::vector<float> target;                   // (n), y
  std::vector<float> start;                    // (n), x_0
  std::vector<float>
      log_learning_rate;      // (n), before the first step; drawn, where the rest of the state is learned or 0
  std::vector<float> losses;  // f(x_0) .. f(x_steps)
};

OptimizerExample MakeOptimizerExample(absl::Span<const float> theta, const HrnnOptions& options);

// Views of its arrays: "published.global_from_last_tensor", which whoever steps with the optimizer has to know, and
// "example.matrix" and so on.
std::vector<Tensor> ExampleTensors(const OptimizerExample& example);

}  // namespace seedcast
