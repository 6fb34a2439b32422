// Sizes of the hierarchical RNN, and means over lanes. A part of hrnn_kernels_impl.h.
#pragma once

#include "worker/tasks/learned_optimizer/hrnn_elementary_impl.h"

namespace seedcast {
namespace {

constexpr int kScales = 4, kFeatures = 12, kUnits0 = 10, kUnits = 20;  // kUnits: of a tensor's and the global cell
constexpr int kInputs0 = kFeatures + kUnits0;                          // of cell 0, with its own h
constexpr int kMeans = kUnits0 + kFeatures;                            // inputs of a tensor's cell
constexpr int kMeanLanes = 16;

// ((0+8) + (4+12)) + ... of 16 lanes.
inline float SumOfLanes(const float* lanes) {
  const __m256 eight = _mm256_add_ps(_mm256_loadu_ps(lanes), _mm256_loadu_ps(lanes + 8));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  const __m128 sum = _mm_add_ss(two, _mm_shuffle_ps(two, two, 1));
  return _mm_cvtss_f32(sum);
}

inline float MeanOfLanes(const float* lanes, int64_t count) { return SumOfLanes(lanes) / static_cast<float>(count); }

inline float MeanOfRow(const float* row, int64_t count) {
  alignas(64) float lanes[kMeanLanes] = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    float* at = lanes + i % kMeanLanes;
    Store(at, Add(Load(at), Load(row + i, FirstLanes(count - i))));
  }
  return MeanOfLanes(lanes, count);
}

template <typename V>
SEEDCAST_INLINE V WeightedMean(const V& y, const V& a, const V& b) {
  return Fma(y, a, Mul(Sub(V(Set(1.0f)), y), b));
}

}  // namespace
}  // namespace seedcast
