// Class BF16_AVX512: pairs of bfloat16 products added to float32 sums. Per output: taps in row-major order, then pairs
// of input channels.
#include <immintrin.h>

#include "worker/kernels/bf16_kernels.h"

namespace seedcast {
namespace {

constexpr int kRows = 8;
constexpr int kMaxTiles = 2;

// kRows positions by kTiles * 16 filters, held in registers.
template <int kTiles>
void MultiplyBlock(const Bf16Products& p, int first_row, int first_tile) {
  const int column_tiles = p.filters / kBf16Columns;
  __m512 sum[kRows][kTiles];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int t = 0; t < kTiles; ++t) sum[r][t] = _mm512_setzero_ps();
  }
  const uint16_t* weights = p.weights + int64_t{first_tile} * kBf16TileSize;
  for (int tap = 0; tap < 9; ++tap) {
    const uint16_t* a = p.image + int64_t{first_row + tap / 3 * p.image_row + tap % 3} * p.depth;
    for (int chunk = 0; chunk < p.depth; chunk += kBf16Depth, weights += int64_t{column_tiles} * kBf16TileSize) {
      for (int pair = 0; pair < kBf16Depth / 2; ++pair) {
        __m512bh row[kTiles];
#pragma GCC unroll 2
        for (int t = 0; t < kTiles; ++t) {
          row[t] = (__m512bh)_mm512_loadu_si512(weights + t * kBf16TileSize + 2 * kBf16Columns * pair);
        }
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          int32_t two;
          __builtin_memcpy(&two, a + int64_t{r} * p.depth + chunk + 2 * pair, sizeof(two));
          const __m512bh value = (__m512bh)_mm512_set1_epi32(two);
#pragma GCC unroll 2
          for (int t = 0; t < kTiles; ++t) sum[r][t] = _mm512_dpbf16_ps(sum[r][t], value, row[t]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int t = 0; t < kTiles; ++t) {
      _mm512_storeu_ps(p.out + int64_t{first_row + r} * p.filters + (first_tile + t) * kBf16Columns, sum[r][t]);
    }
  }
}

void Multiply(const Bf16Products& p) {
  const int tiles = p.filters / kBf16Columns;
  for (int tile = 0; tile < tiles; tile += kMaxTiles) {
    for (int row = 0; row < p.rows; row += kRows) {
      if (tile + kMaxTiles <= tiles) {
        MultiplyBlock<kMaxTiles>(p, row, tile);
      } else {
        MultiplyBlock<1>(p, row, tile);
      }
    }
  }
}

}  // namespace

const Bf16Kernels kAvx512Bf16Kernels = {[] {}, Multiply, [] {}};

}  // namespace seedcast
