// The products of class BF16_AMX over tile registers, written once over `Tiles`, which offers six operations on the
// registers 0 .. 7 (16 rows of 64 bytes each):
//   Configure(), Release();
//   Zero<c>();  Load<t>(pointer, bytes between rows);  Store<t>(pointer, bytes between rows);
//   Dot<c, a, b>(): c (16, 16) += a (16, 32) times b (16 pairs, 16, 2).
// bf16_amx.cc gives it the processor's instructions, the tests an emulation, so that everything but those instructions
// is tested on any machine.
#pragma once

#include "worker/kernels/bf16_kernels.h"

namespace seedcast {

// kRowTiles * 16 positions by kColumnTiles * 16 filters: sums in registers 0 .. 3, positions in 4 and 5, weights in
// 6, 7.
template <typename Tiles, int kRowTiles, int kColumnTiles>
void MultiplyTiles(const Bf16Products& p, int first_row, int first_tile) {
  const int64_t weights_step = int64_t{p.filters} / kBf16Columns * kBf16TileSize;
  const int64_t row_bytes = int64_t{p.depth} * 2;
  Tiles::template Zero<0>();
  if constexpr (kColumnTiles == 2) Tiles::template Zero<1>();
  if constexpr (kRowTiles == 2) Tiles::template Zero<2>();
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) Tiles::template Zero<3>();
  const uint16_t* weights = p.weights + int64_t{first_tile} * kBf16TileSize;
  for (int tap = 0; tap < 9; ++tap) {
    const uint16_t* a = p.image + int64_t{first_row + tap / 3 * p.image_row + tap % 3} * p.depth;
    for (int chunk = 0; chunk < p.depth; chunk += kBf16Depth, weights += weights_step) {
      Tiles::template Load<4>(a + chunk, row_bytes);
      Tiles::template Load<6>(weights, 64);
      Tiles::template Dot<0, 4, 6>();
      if constexpr (kColumnTiles == 2) {
        Tiles::template Load<7>(weights + kBf16TileSize, 64);
        Tiles::template Dot<1, 4, 7>();
      }
      if constexpr (kRowTiles == 2) {
        Tiles::template Load<5>(a + int64_t{kBf16Rows} * p.depth + chunk, row_bytes);
        Tiles::template Dot<2, 5, 6>();
        if constexpr (kColumnTiles == 2) Tiles::template Dot<3, 5, 7>();
      }
    }
  }
  const int64_t out_bytes = int64_t{p.filters} * 4;
  float* out = p.out + int64_t{first_row} * p.filters + first_tile * kBf16Columns;
  float* below = out + int64_t{kBf16Rows} * p.filters;
  Tiles::template Store<0>(out, out_bytes);
  if constexpr (kColumnTiles == 2) Tiles::template Store<1>(out + kBf16Columns, out_bytes);
  if constexpr (kRowTiles == 2) Tiles::template Store<2>(below, out_bytes);
  if constexpr (kRowTiles == 2 && kColumnTiles == 2) Tiles::template Store<3>(below + kBf16Columns, out_bytes);
}

template <typename Tiles>
void MultiplyWithTiles(const Bf16Products& p) {
  const int tiles = p.filters / kBf16Columns;
  for (int row = 0; row < p.rows; row += 2 * kBf16Rows) {
    const bool two_rows = row + kBf16Rows < p.rows;
    for (int tile = 0; tile < tiles; tile += 2) {
      const bool two_columns = tile + 1 < tiles;
      if (two_rows && two_columns) {
        MultiplyTiles<Tiles, 2, 2>(p, row, tile);
      } else if (two_rows) {
        MultiplyTiles<Tiles, 2, 1>(p, row, tile);
      } else if (two_columns) {
        MultiplyTiles<Tiles, 1, 2>(p, row, tile);
      } else {
        MultiplyTiles<Tiles, 1, 1>(p, row, tile);
      }
    }
  }
}

}  // namespace seedcast
