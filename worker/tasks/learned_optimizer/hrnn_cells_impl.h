// Cells of tensors and of the problem: lanes are units. A part of hrnn_kernels_impl.h.
#pragma once

#include "worker/tasks/learned_optimizer/hrnn_means_impl.h"

namespace seedcast {
namespace {

// kRows chains over inputs of a matrix with kColumns outputs. Rows side by side hide the latency of their chains.
template <int kColumns, int kRows>
struct AffineSums {
  static constexpr int kVectors = kColumns / kLanes;

  explicit AffineSums(const float* start) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) of[r][v] = Load(start + v * kLanes);
    }
  }
  // x: of row 0; the other rows' lie `stride` apart. weights: (kColumns)
  SEEDCAST_INLINE void Add(const float* x, int stride, const float* weights) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vec weight = Load(weights + v * kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) of[r][v] = Fma(Set(x[r * stride]), weight, of[r][v]);
    }
  }
  void StoreTo(float* y) const {  // (kRows, kColumns)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) Store(y + r * kColumns + v * kLanes, of[r][v]);
    }
  }

  Vec of[kRows][kVectors];
};

// y = biases + x W; x: (20)
template <int kColumns>
inline void AffineOfUnits(const HrnnPackedAffine& affine, const float* x, float* y) {
  AffineSums<kColumns, 1> sums(affine.biases);
  for (int k = 0; k < kUnits; ++k) sums.Add(x + k, 0, affine.weights + k * kColumns);
  sums.StoreTo(y);
}

// Cells that share extra (60, readable up to 80): x (kRows, kInputs), h (kRows, 20); record may be null, else it has
// rows as h has.
template <int kInputs, int kRows>
void StepUnitCells(const HrnnPackedCell& cell, const float* x, const float* extra, float* h,
                   const HrnnCellRecord* record) {
  constexpr int kGates = kHrnnGateColumns, kPadded = kHrnnCandidateColumns, kStride = kInputs + kPadded;
  alignas(64) float inputs[kRows * kStride], old[kRows][kPadded] = {}, start[kGates], candidate_start[kPadded];
  alignas(64) float gates[kRows * kGates + kPadded] = {}, candidate[kRows][kPadded];
  for (int r = 0; r < kRows; ++r) {
    __builtin_memcpy(inputs + r * kStride, x + r * kInputs, kInputs * sizeof(float));
    __builtin_memcpy(inputs + r * kStride + kInputs, h + r * kUnits, kUnits * sizeof(float));
    __builtin_memcpy(old[r], h + r * kUnits, kUnits * sizeof(float));
  }
  for (int j = 0; j < kGates; j += kLanes) Store(start + j, Add(Load(cell.gates.biases + j), Load(extra + j)));
  for (int j = 0; j < kPadded; j += kLanes) {
    Store(candidate_start + j, Add(Load(cell.candidate.biases + j), Load(extra + 2 * kUnits + j)));
  }
  AffineSums<kGates, kRows> gate_sums(start);
  AffineSums<kPadded, kRows> candidate_sums(candidate_start);
  for (int k = 0; k < kInputs; ++k) {
    gate_sums.Add(inputs + k, kStride, cell.gates.weights + k * kGates);
    candidate_sums.Add(inputs + k, kStride, cell.candidate.weights + k * kPadded);
  }
  for (int k = kInputs; k < kInputs + kUnits; ++k) {
    gate_sums.Add(inputs + k, kStride, cell.gates.weights + k * kGates);
  }
  gate_sums.StoreTo(gates);
  for (int j = 0; j < kRows * kGates; j += kLanes) Store(gates + j, SigmoidOf(Load(gates + j)));
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kPadded; j += kLanes) {
      Store(inputs + r * kStride + kInputs + j, Mul(Load(gates + r * kGates + j), Load(old[r] + j)));
    }
  }
  for (int k = kInputs; k < kInputs + kUnits; ++k) {
    candidate_sums.Add(inputs + k, kStride, cell.candidate.weights + k * kPadded);
  }
  candidate_sums.StoreTo(candidate[0]);
  for (int r = 0; r < kRows; ++r) {
    const float* update = gates + r * kGates + kUnits;
    for (int j = 0; j < kPadded; j += kLanes) {
      Store(candidate[r] + j, TanhOf(Load(candidate[r] + j)));
      Store(old[r] + j, WeightedMean(Load(update + j), Load(old[r] + j), Load(candidate[r] + j)));
    }
    __builtin_memcpy(h + r * kUnits, old[r], kUnits * sizeof(float));
    if (record != nullptr) {
      __builtin_memcpy(record->reset + r * kUnits, gates + r * kGates, kUnits * sizeof(float));
      __builtin_memcpy(record->update + r * kUnits, update, kUnits * sizeof(float));
      __builtin_memcpy(record->candidate + r * kUnits, candidate[r], kUnits * sizeof(float));
    }
  }
}

}  // namespace
}  // namespace seedcast
