// Sums of products, for the adjoint. A part of hrnn_kernels_impl.h.
#pragma once

#include "worker/tasks/learned_optimizer/hrnn_means_impl.h"

namespace seedcast {
namespace {

// Two vectors of y at a time: their chains over the rows hide each other's latency.
void AddRows(const float* weights, const float* rows, int64_t stride, int count_rows, int64_t count, float* y) {
  for (int64_t i = 0; i < count; i += 2 * kLanes) {
    const Mask first = FirstLanes(count - i);
    const bool two = count - i > kLanes;
    const Mask second = FirstLanes(two ? count - i - kLanes : 0);
    Vec low = Load(y + i, first), high = Load(y + i + kLanes, second);
    for (int r = 0; r < count_rows; ++r) {
      const Vec weight = Set(weights[r]);
      const float* row = rows + r * stride + i;
      low = Fma(weight, Load(row, first), low);
      high = Fma(weight, Load(row + kLanes, second), high);
    }
    Store(y + i, low, first);
    if (two) Store(y + i + kLanes, high, second);
  }
}

template <int kColumns>
void DotsOf(const float* a, const float* b, int64_t stride, int64_t count, double* sums) {
  constexpr int kVectors = kMeanLanes / kLanes;
  Vec sum[kColumns][kVectors];
#pragma GCC unroll 10
  for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[c][v] = Set(0.0f);
  }
  int64_t i = 0;
  for (; i + kMeanLanes <= count; i += kMeanLanes) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = i + v * kLanes;
      const Vec input = Load(a + at);
#pragma GCC unroll 10
      for (int c = 0; c < kColumns; ++c) sum[c][v] = Fma(input, Load(b + c * stride + at), sum[c][v]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const int64_t at = i + v * kLanes;
    if (at >= count) break;
    const Mask mask = FirstLanes(count - at);
    const Vec input = Load(a + at, mask);
#pragma GCC unroll 10
    for (int c = 0; c < kColumns; ++c) sum[c][v] = Fma(input, Load(b + c * stride + at, mask), sum[c][v]);
  }
  alignas(64) float lanes[kMeanLanes];
#pragma GCC unroll 10
  for (int c = 0; c < kColumns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) Store(lanes + v * kLanes, sum[c][v]);
    sums[c] += SumOfLanes(lanes);
  }
}

void AddDots(const float* a, const float* b, int64_t stride, int columns, int64_t count, double* sums) {
  constexpr int kTile = TileUnits(kMeanLanes / kLanes);
  int c = 0;
  for (; c + kTile <= columns; c += kTile) DotsOf<kTile>(a, b + c * stride, stride, count, sums + c);
  for (; c < columns; ++c) DotsOf<1>(a, b + c * stride, stride, count, sums + c);
}

}  // namespace
}  // namespace seedcast
