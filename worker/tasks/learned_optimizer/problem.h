// A problem for a learned optimizer: an objective over parameters that come in tensors. A pure function of its seed;
// all randomness is counter-based, so that step t of an instance sees the same mini-batch and noise wherever it runs.
//
// Class F32: every sum is a chain in the order that the .cc documents, elementary functions are those of common/math.
// Objectives are >= 0 (the families are shifted so). Legend: n = num_parameters.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {

class Problem {
 public:
  virtual ~Problem() = default;

  // Sizes of the tensors, in the order in which they lie in a parameter vector.
  virtual absl::Span<const int64_t> tensor_sizes() const = 0;
  virtual int64_t num_parameters() const = 0;

  // Starting point number `restart` (a training that starts anew draws another).
  virtual void InitialParameters(int restart, absl::Span<float> parameters) const = 0;

  // On the whole data set. May be infinite or NaN where the parameters are.
  virtual float Objective(absl::Span<const float> parameters) = 0;

  // Gradient of Objective: the whole data set, no noise, no sparsity. What backpropagation through the meta-objective
  // starts from.
  virtual void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) = 0;

  // On the mini-batch number `batch`; the same as Objective for a problem without data.
  virtual float BatchObjective(absl::Span<const float> parameters, int64_t batch) {
    (void)batch;
    return Objective(parameters);
  }

  // Gradient of the mini-batch number `batch` (0, 1, 2 ...: shuffled epochs without replacement, the remainder dropped,
  // reshuffled at an epoch's end), with the noise and the sparsity that belong to the problem. A problem without data
  // has one batch; noise differs from number to number all the same.
  virtual void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) = 0;

  // What backpropagation through the gradient needs: the transposed Jacobian of Gradient times v. That is H v of the
  // same mini-batch's objective (noise is constant); where sparsity masks the gradient, H times the masked v.
  virtual void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                            absl::Span<float> product) = 0;

  // Share of the data set classified rightly, 0 .. 1; NaN for a problem without classes. `inverted`: as the published
  // code scores it (Published.inverted_accuracy).
  virtual float Accuracy(absl::Span<const float> parameters, bool inverted) = 0;

  virtual int64_t Bytes() const = 0;  // data and scratch
};

}  // namespace seedcast
