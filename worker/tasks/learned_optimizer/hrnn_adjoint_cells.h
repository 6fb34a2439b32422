// Pieces of the walk back through a step: sums over rows of parameters, an affine map, a GRU cell. Real is float, whose
// sums over rows the kernels do, or double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "worker/tasks/learned_optimizer/hrnn_reference.h"
#include "worker/tasks/learned_optimizer/hrnn_vector.h"
#include "worker/tasks/learned_optimizer/hrnn_weights.h"

namespace seedcast {

// sums[c] += sum over i of a[i] b[c * stride + i], in 16 lanes.
inline void AddDots(const float* a, const float* b, int64_t stride, int columns, int64_t count, double* sums) {
  BestHrnnKernels().add_dots(a, b, stride, columns, count, sums);
}
inline void AddDots(const double* a, const double* b, int64_t stride, int columns, int64_t count, double* sums) {
  for (int c = 0; c < columns; ++c) {
    double lanes[kHrnnLanes] = {};
    for (int64_t i = 0; i < count; ++i) {
      lanes[i % kHrnnLanes] = std::fma(a[i], b[c * stride + i], lanes[i % kHrnnLanes]);
    }
    sums[c] += LaneTree(lanes);
  }
}

template <typename Real>
Real Sum(const Real* a, int64_t count) {
  Real lanes[kHrnnLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i % kHrnnLanes] += a[i];
  return LaneTree(lanes);
}

// y[i] += sum over r of weights[r] rows[r * stride + i]
inline void AddRows(const float* weights, const float* rows, int64_t stride, int count_rows, int64_t count, float* y) {
  BestHrnnKernels().add_rows(weights, rows, stride, count_rows, count, y);
}
inline void AddRows(const double* weights, const double* rows, int64_t stride, int count_rows, int64_t count,
                    double* y) {
  for (int r = 0; r < count_rows; ++r) {
    for (int64_t i = 0; i < count; ++i) y[i] = std::fma(weights[r], rows[r * stride + i], y[i]);
  }
}

// y += w x
template <typename Real>
void AddScaled(Real w, const Real* x, int64_t count, Real* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = std::fma(w, x[i], y[i]);
}

// sum over j of a[j] b[j] in ten lanes: the outputs of every affine map here are a multiple of ten.
template <typename Real>
Real RowDot(const Real* a, const Real* b, int outputs) {
  Real lanes[10] = {};
  for (int j = 0; j < outputs; j += 10) {
    for (int l = 0; l < 10; ++l) lanes[l] += a[j + l] * b[j + l];
  }
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7])) +
         (lanes[8] + lanes[9]);
}

// Of y = x W + b: dx += dy W^T, and the gradients of W and b.
template <typename Real>
void AffineBackward(const HrnnAffine<const Real>& affine, const HrnnAffine<double>& gradient, const Real* x, int inputs,
                    int outputs, const Real* dy, Real* dx) {
  for (int k = 0; k < inputs; ++k) {
    const Real* row = affine.weights + k * outputs;
    double* d_row = gradient.weights + k * outputs;
    dx[k] += RowDot(dy, row, outputs);
    for (int j = 0; j < outputs; ++j) d_row[j] += x[k] * dy[j];
  }
  for (int j = 0; j < outputs; ++j) gradient.biases[j] += dy[j];
}

// Of a tensor's or the global cell. dh: (units), adjoint of the new h, becomes that of the old one; dx: (inputs), added
// to; extra: (3 units), written, the adjoint of what is added to the biases.
template <int kInputs, int kUnits, typename Real>
void CellBackward(const HrnnCell<const Real>& cell, const HrnnCell<double>& gradient, const Real* x, const Real* h,
                  const Real* reset, const Real* update, const Real* candidate, Real* dh, Real* dx, Real* extra) {
  Real inputs[kInputs + kUnits], adjoint[kInputs + kUnits] = {};
  std::copy_n(x, kInputs, inputs);
  for (int j = 0; j < kUnits; ++j) {
    inputs[kInputs + j] = reset[j] * h[j];
    extra[kUnits + j] = dh[j] * (h[j] - candidate[j]) * update[j] * (1 - update[j]);
    extra[2 * kUnits + j] = dh[j] * (1 - update[j]) * (1 - candidate[j] * candidate[j]);
    dh[j] *= update[j];
  }
  AffineBackward(cell.candidate, gradient.candidate, inputs, kInputs + kUnits, kUnits, extra + 2 * kUnits, adjoint);
  for (int j = 0; j < kUnits; ++j) {
    extra[j] = adjoint[kInputs + j] * h[j] * reset[j] * (1 - reset[j]);
    dh[j] = std::fma(adjoint[kInputs + j], reset[j], dh[j]);
    inputs[kInputs + j] = h[j];
    adjoint[kInputs + j] = 0;
  }
  AffineBackward(cell.gates, gradient.gates, inputs, kInputs + kUnits, 2 * kUnits, extra, adjoint);
  for (int k = 0; k < kInputs; ++k) dx[k] += adjoint[k];
  for (int j = 0; j < kUnits; ++j) dh[j] += adjoint[kInputs + j];
}

}  // namespace seedcast
