// The step of hrnn_reference.h, written once over `Vec`, a register of kLanes floats. Included by hrnn_avx2.cc and
// hrnn_avx512.cc only, after they have defined in their anonymous namespace:
//   Vec, kLanes; Load, Store, Set, Add, Sub, Mul, Div, Sqrt, Fma(a, b, c) = a*b + c, Fnma(a, b, c) = c - a*b,
//   Min(a, b) = a < b ? a : b, Max(a, b) = a > b ? a : b (b where one is NaN), IfLess(a, b, yes, no),
//   Fnms(a, b, c) = -a*b - c, Abs, WithSignOf(magnitude, x);
//   PowerOfTwo(k) of integers in floats, Scale(x, k) = x * 2^k where that is normal, Half(k) = floor(k / 2),
//   ExponentOf(x) and MantissaOf(x) of x > 0;
//   Mask, FirstLanes(count), Load and Store with a mask (what is masked out is 0, untouched), Only(a, mask);
//   TileUnits(vectors): units of a cell whose sums over so many vectors are held in registers, a divisor of 10;
//   kMostVectors of parameters that go through a cell together, 2 or 3;
//   kCellRows: cells of tensors that are computed side by side, 1 or 4.
// No line here depends on kLanes but for where lanes begin, which is why the instruction sets agree to the bit.
// Its parts: hrnn_means_impl.h, hrnn_cells_impl.h, hrnn_parameters_impl.h, hrnn_products_impl.h and, below all of them,
// hrnn_elementary_impl.h.
#pragma once

#include "worker/tasks/learned_optimizer/hrnn_cells_impl.h"
#include "worker/tasks/learned_optimizer/hrnn_parameters_impl.h"
#include "worker/tasks/learned_optimizer/hrnn_products_impl.h"

namespace seedcast {
namespace {

inline bool AllZero(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] != 0) return false;
  }
  return true;
}

// The last vectors of a tensor, from number i on, and what the group before them, if any, has left to do.
template <int kVectors, bool kRecord>
void StepLastParameters(const HrnnStepArguments& a, int64_t t, int64_t i, TensorPass* pass,
                        Group<2, kRecord>* previous) {
  Group<kVectors, kRecord> group(a, pass);
  if (previous == nullptr) {
    group.Run(a.first[t] + i, i, a.sizes[t] - i, [](int) {});
  } else {
    group.Run(a.first[t] + i, i, a.sizes[t] - i, [&](int k) { previous->FinishBeside(k); });
    previous->ReadOut();
  }
  group.Finish();
  group.ReadOut();
}

template <bool kRecord>
void StepParameters(const HrnnStepArguments& a, int64_t t, TensorPass* pass) {
  const int64_t first = a.first[t], size = a.sizes[t];
  for (int i = 0; i < kScales; ++i) pass->fresh[i] = AllZero(a.mean_square + i * a.parameters + first, size);
  __builtin_memset(pass->means, 0, sizeof(pass->means));
  __builtin_memset(pass->square, 0, sizeof(pass->square));
  Group<2, kRecord> groups[2] = {{a, pass}, {a, pass}};
  Group<2, kRecord>* previous = nullptr;
  int64_t i = 0;
  for (int number = 0; size - i > kMostVectors * kLanes; ++number, i += 2 * kLanes) {
    auto* group = &groups[number % 2];
    if (previous == nullptr) {
      group->Run(first + i, i, size - i, [](int) {});
    } else {
      group->Run(first + i, i, size - i, [&](int k) { previous->FinishBeside(k); });
      previous->ReadOut();
    }
    previous = group;
  }
  if (size - i <= kLanes) return StepLastParameters<1, kRecord>(a, t, i, pass, previous);
  if (size - i <= 2 * kLanes) return StepLastParameters<2, kRecord>(a, t, i, pass, previous);
  StepLastParameters<kMostVectors, kRecord>(a, t, i, pass, previous);
}

// The norm of (9), and (12).
inline float Move(const HrnnStepArguments& a, int64_t t, const TensorPass& pass) {
  const float floored = MeanOfLanes(pass.square, a.sizes[t]) + 1e-16f;
  const float norm = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(floored)));
  const int64_t end = a.first[t] + a.sizes[t];
  for (int64_t p = a.first[t]; p < end; p += kLanes) {
    const Mask mask = FirstLanes(end - p);
    const Vec q = Div(Load(a.direction + p, mask), Set(norm));
    Store(a.values + p, Fnma(Load(a.step + p, mask), q, Load(a.values + p, mask)), mask);
  }
  return norm;
}

inline void MeanOverTensors(const HrnnStepArguments& a, float* mean) {
  if (a.global_from_last_tensor) {
    __builtin_memcpy(mean, a.h1 + (a.tensors - 1) * kUnits, kUnits * sizeof(float));
    return;
  }
  for (int j = 0; j < kUnits; ++j) mean[j] = 0;
  for (int64_t t = 0; t < a.tensors; ++t) {
    for (int j = 0; j < kUnits; ++j) mean[j] += a.h1[t * kUnits + j];
  }
  for (int j = 0; j < kUnits; ++j) mean[j] /= static_cast<float>(a.tensors);
}

// What all tensors of a step share.
struct FromGlobal {
  float mean_log_rate;
  alignas(64) float extra0[kHrnnExtra0Columns];  // for cell 0
  alignas(64) float extra1[kHrnnExtra1Columns + kLanes];
};

// (1) to (6) and (9) to (12) of a tensor; means: (22), inputs of its cell.
template <bool kRecord>
void StepTensor(const HrnnStepArguments& a, int64_t t, const FromGlobal& from_global, float* means) {
  TensorPass pass;
  pass.mean_log_rate = from_global.mean_log_rate;
  AffineOfUnits<kHrnnExtra0Columns>(a.theta.parameter_from_tensor, a.h1 + t * kUnits, pass.starts0);
  for (int j = 0; j < kHrnnExtra0Columns; j += kLanes) {
    const Vec extra = Add(Load(pass.starts0 + j), Load(from_global.extra0 + j));
    Store(pass.starts0 + j, Add(Load(a.theta.biases0 + j), extra));
  }
  StepParameters<kRecord>(a, t, &pass);
  for (int k = 0; k < kMeans; ++k) means[k] = SumOfLanes(pass.means[k]);
  for (int k = 0; k < kMeans; ++k) means[k] /= static_cast<float>(a.sizes[t]);
  const float norm = Move(a, t, pass);
  if constexpr (kRecord) {
    a.norms[t] = norm;
    __builtin_memcpy(a.inputs1 + t * kMeans, means, kMeans * sizeof(float));
  }
}

// kRows tensors from number t on, and their cells (7).
template <bool kRecord, int kRows>
void StepTensors(const HrnnStepArguments& a, int64_t t, const FromGlobal& from_global) {
  float means[kRows * kMeans];
  for (int r = 0; r < kRows; ++r) StepTensor<kRecord>(a, t + r, from_global, means + r * kMeans);
  const int64_t at = t * kUnits;
  const HrnnCellRecord record = {a.cell1.reset + at, a.cell1.update + at, a.cell1.candidate + at};
  StepUnitCells<kMeans, kRows>(a.theta.tensor_cell, means, from_global.extra1, a.h1 + at, kRecord ? &record : nullptr);
}

template <bool kRecord>
void Step(const HrnnStepArguments& a) {
  const HrnnPackedView& theta = a.theta;
  FromGlobal from_global = {};
  from_global.mean_log_rate = MeanOfRow(a.log_rate, a.parameters);
  AffineOfUnits<kHrnnExtra0Columns>(theta.parameter_from_global, a.h2, from_global.extra0);
  AffineOfUnits<kHrnnExtra1Columns>(theta.tensor_from_global, a.h2, from_global.extra1);
  int64_t t = 0;
  for (; t + kCellRows <= a.tensors; t += kCellRows) StepTensors<kRecord, kCellRows>(a, t, from_global);
  if constexpr (kCellRows > 1) {
    for (; t + 2 <= a.tensors; t += 2) StepTensors<kRecord, 2>(a, t, from_global);
    if (t < a.tensors) StepTensors<kRecord, 1>(a, t, from_global);
  }
  float mean[kUnits];
  MeanOverTensors(a, mean);
  alignas(64) const float no_extra[kHrnnExtra1Columns + kLanes] = {};
  StepUnitCells<kUnits, 1>(theta.global_cell, mean, no_extra, a.h2, kRecord ? &a.cell2 : nullptr);
  if constexpr (kRecord) __builtin_memcpy(a.inputs2, mean, sizeof(mean));
}

constexpr HrnnKernels KernelsNamed(const char* name) {
  return {name,
          Step<false>,
          Step<true>,
          AddDots,
          AddRows,
          RowOf<ExpOf>,
          RowOf<LogOf<Vec>>,
          RowOf<SigmoidOf>,
          RowOf<TanhOf<Vec>>,
          RowOf<AsinhOf<Vec>>};
}

}  // namespace
}  // namespace seedcast
