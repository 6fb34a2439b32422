// The walk back through one tensor's part of a step: equations (1) to (6) and (9) to (12) of hrnn_reference.h, which
// work on each parameter. What is above the parameters, (7) and (8), is in hrnn_adjoint.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/tasks/learned_optimizer/hrnn_reference.h"
#include "worker/tasks/learned_optimizer/hrnn_weights.h"

namespace seedcast {

// The step that is walked back.
template <typename Real>
struct HrnnTakenStep {
  explicit HrnnTakenStep(const HrnnShape& shape) : activations(shape) {
    before.Resize(shape.parameters, shape.tensors());
  }

  BasicHrnnState<Real> before, after;
  const Real* gradient = nullptr;  // (n)
  HrnnActivations<Real> activations;
};

// What one walk through a step is given, and what it collects. d_x: the loss's derivative by x.
template <typename Real>
struct HrnnAdjointPass {
  const Real* d_parameters;           // (n)
  BasicHrnnState<Real>& d_state;      // by the state after the step; becomes that by the state before
  Real* d_gradient;                   // (n), written
  HrnnWeights<double> d_weights;      // added to
  Real d_inputs2[kHrnnInputs2] = {};  // of the global cell
  Real d_inputs1[kHrnnInputs1] = {};  // of the present tensor's cell, for each of its parameters
  Real extra0[3 * kHrnnUnits0] = {};  // sums over tensors: by what the global state adds to the parameters' cells
  Real extra1[3 * kHrnnUnits1] = {};  // and to the tensors' cells
  Real d_mean_log_rate = 0;           // by the mean in (5)
};

template <typename Real>
class HrnnParameterAdjoint {
 public:
  // Borrows all of them.
  HrnnParameterAdjoint(const HrnnShape& shape, const HrnnWeights<const Real>& weights, const HrnnTakenStep<Real>& step);

  // Tensor t, once pass.d_inputs1 is there.
  void WalkBack(HrnnAdjointPass<Real>& pass, int t);

  int64_t Bytes() const;

 private:
  using Pass = HrnnAdjointPass<Real>;

  // Rows of d_sums_: adjoints of what goes into the nonlinearities of a parameter.
  static constexpr int kReset = 0, kUpdate = kHrnnUnits0, kCandidate = 2 * kHrnnUnits0, kDirection = 3 * kHrnnUnits0;
  static constexpr int kScaleDecay = kDirection + 1, kInputDecay = kDirection + 2, kRate = kDirection + 3;
  static constexpr int kSums = kDirection + 4;

  void Direction(Pass& pass, int t);
  void ReadOuts(Pass& pass, int64_t p, int64_t count);
  void Cell0(Pass& pass, int64_t p, int64_t count);
  void Features(Pass& pass, int t);
  void FeaturesOf(Pass& pass, int64_t p, const Real (&keep)[kHrnnScales]);
  void WeightGradients(Pass& pass, int t);
  void Extra0(Pass& pass, int t);

  const HrnnShape& shape_;
  const HrnnWeights<const Real>& weights_;
  const HrnnTakenStep<Real>& step_;
  const int64_t n_;
  std::vector<Real> d_h0_, reset_h0_, d_reset_h0_;  // (10, n)
  std::vector<Real> d_features_;                    // (12, n)
  std::vector<Real> d_sums_;                        // (34, n)
};

}  // namespace seedcast
