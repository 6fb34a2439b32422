// One step of the optimizer, in scalar code: the specification of class F32 (Real = float), and what its adjoint is the
// derivative of. hrnn_reference.cc computes, for every parameter p of every tensor, in this order:
//
//   (1)  d_1 = d, d_{i+1} = sqrt(d_i)                                       decays of the four time scales
//   (2)  a_i <- (1 - d_i) g + d_i a_i                                       accumulated gradients
//   (3)  v_i <- (1 - s) (a_i^2 + 1e-12) + s v_i                             mean squares; s = 0 while the whole old v_i
//   of
//                                                                           the tensor is 0, as at the first step
//   (4)  gs_i = asinh(a_i / sqrt(v_i + 1e-16))                              scaled gradients
//   (5)  x = gs_1..gs_4 | gs_1 gs_2, gs_2 gs_3, gs_3 gs_4 | L_i - mean_i L_i, i = 1..4 | l - mean l
//        with L_i = log(v_i + 1e-16), l the log learning rate, its mean over all n parameters
//   (6)  h0 <- cell_0(x, h0; h1 W + b + h2 W' + b')                         old h1 and h2
//   (7)  h1 <- cell_1(mean over the tensor of (h0, x); h2 W'' + b'')        new h0, old h2
//   (8)  h2 <- cell_2(mean over tensors of h1; 0)                           new h1. The published code takes the last
//                                                                           tensor's h1 alone (global_from_last_tensor)
//   (9)  u = h0 w_u + gs w_g, q = u / sqrt(mean u^2 + 1e-16)                mean over the tensor
//   (10) s <- sigmoid(h0 w_s + b_s), d <- sigmoid(h0 w_d + b_d)             for the next step
//   (11) k = clip(l + h0 w_l + b_l, -33, 33), l <- y l + (1 - y) k          y = sigmoid(m)
//   (12) p <- p - exp(k + o) q
//
//   cell(x, h; e):  [r, u] = sigmoid([x, h] W_g + b_g + e_ru)   c = tanh([x, r h] W_c + b_c + e_c)   h <- u h + (1 - u)
//   c
//
// Order of operations. A product of a vector and a matrix is a chain of FMAs over the inputs, first to last, that
// starts at the bias (for cells: at b + e; for (9): at 0, over h0 and then gs); e of (6) is the sum of two such chains.
// A weighted mean y a + (1 - y) b is fma(y, a, (1 - y) b); 1 - y is rounded. a^2 + 1e-12 and sums of squares are FMAs.
// A mean over n values adds value j to sum j mod 16, adds these up as ((0+8) + (4+12)) + ... (LaneTree), and divides by
// n; the mean over four scales is ((1+2) + (3+4)) / 4; the mean over tensors a sum in their order, divided by T.
#pragma once

#include <vector>

#include "worker/tasks/learned_optimizer/hrnn_weights.h"

namespace seedcast {

inline constexpr double kHrnnLogRateLimit = 33;
inline constexpr double kHrnnSquareFloor = 1e-12;    // (3)
inline constexpr double kHrnnDivisionFloor = 1e-16;  // (4), (5), (9)
inline constexpr int kHrnnLanes = 16;                // sums of a mean

// Where the tensors lie.
struct HrnnShape {
  HrnnShape(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options);

  int64_t tensors() const { return static_cast<int64_t>(sizes.size()); }

  std::vector<int64_t> sizes;  // (T)
  std::vector<int64_t> first;  // (T)
  int64_t parameters = 0;      // n
  bool global_from_last_tensor;
};

// Values of one cell that its adjoint needs; stride 1 between units of a tensor's or the global cell, n between those
// of a parameter's.
template <typename Real>
struct HrnnCellActivations {
  std::vector<Real> reset, update, candidate;
};

// What the adjoint needs of a step besides the states before and after it. Scratch of a step that nobody walks back is
// direction and step alone, when the kernels do it.
template <typename Real>
struct HrnnActivations {
  explicit HrnnActivations(const HrnnShape& shape, bool recorded = true);
  int64_t Bytes() const;

  std::vector<Real> features;       // (12, n), x
  std::vector<Real> denominators;   // (4, n), sqrt(v_i + 1e-16)
  std::vector<Real> ratios;         // (4, n), a_i over it
  std::vector<Real> direction;      // (n), u
  std::vector<Real> log_step;       // (n), k
  std::vector<Real> step;           // (n), exp(k + o)
  std::vector<Real> norms;          // (T), sqrt(mean u^2 + 1e-16)
  std::vector<Real> inputs1;        // (T, 22)
  std::vector<Real> inputs2;        // (20)
  HrnnCellActivations<Real> cell0;  // (10, n)
  HrnnCellActivations<Real> cell1;  // (T, 20)
  HrnnCellActivations<Real> cell2;  // (20)
};

// Moves state and parameters (n) by the gradient (n). Instantiated for float and double.
template <typename Real>
void HrnnReferenceStep(const HrnnShape& shape, const Real* theta, const Real* gradient, BasicHrnnState<Real>* state,
                       Real* parameters, HrnnActivations<Real>* activations);

// Whether the whole old mean square of scale i of the tensor at `first` is 0: then (3) takes s = 0.
template <typename Real>
bool HrnnScaleIsFresh(const HrnnShape& shape, int tensor, int scale, const BasicHrnnState<Real>& old);

// ((0+8) + (4+12)) + ((2+10) + (6+14)) and the same of the odd ones: halves are added until one is left.
template <typename Real>
Real LaneTree(Real (&lanes)[kHrnnLanes]) {
  for (int half = kHrnnLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// Hrnn::Begin for theta.
void BeginHrnnState(const HrnnShape& shape, const float* theta, uint64_t seed, uint32_t stream, uint32_t substream,
                    HrnnState* state);

}  // namespace seedcast
