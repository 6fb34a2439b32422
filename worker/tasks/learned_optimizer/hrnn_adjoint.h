// Backpropagation through steps of the optimizer, for the estimator GRADIENT. Unroll forward with Hrnn::Step, recording
// before every step; then walk back from the last record to the first:
//
//   adjoint of the parameters P, of the state S: derivatives of the loss by what a step leaves
//   StepBackward turns S into the adjoint of what the step found, and gives G, the adjoint of its gradient
//   the caller adds what the gradient and the loss owe to the old parameters: P += H G + dloss/dparameters
//   where the state is a fresh one, BeginBackward ends the walk
//
// The step is that of hrnn_reference.h, recomputed from the record. Two derivatives are not those of the equations, as
// in the published code: the clip of (11) counts as the identity, and d_{i+1} = sqrt(d_i) at d = 0 (the first step,
// where d is a constant) as one of slope 0. Real is float; double in tests.
//
// Deterministic: chains and lane sums like those of the step. Memory: 22 n + 20 T + 20 values a record.
#pragma once

#include <cstdint>
#include <memory>

#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {

// Values of a record, for n parameters in T tensors.
int64_t HrnnRecordSize(int64_t parameters, int64_t tensors);

template <typename Real>
class BasicHrnnAdjoint {
 public:
  BasicHrnnAdjoint(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options);
  ~BasicHrnnAdjoint();

  void SetTheta(absl::Span<const Real> theta);  // (8349)

  int64_t RecordSize() const;  // in values
  // What a step from `state` by `gradient` (n) has to remember; before the step. record: (RecordSize())
  void Record(absl::Span<const Real> gradient, const BasicHrnnState<Real>& state, absl::Span<Real> record) const;

  // parameters_adjoint (n): also that of the old parameters, but for their gradient. gradient_adjoint (n) is written,
  // theta_adjoint (8349) added to.
  void StepBackward(absl::Span<const Real> record, absl::Span<const Real> parameters_adjoint,
                    BasicHrnnState<Real>* state_adjoint, absl::Span<Real> gradient_adjoint,
                    absl::Span<double> theta_adjoint);

  // Through Hrnn::Begin: the initial hidden vectors are learned.
  void BeginBackward(const BasicHrnnState<Real>& state_adjoint, absl::Span<double> theta_adjoint) const;

  int64_t Bytes() const;  // scratch

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};
using HrnnAdjoint = BasicHrnnAdjoint<float>;

}  // namespace seedcast
