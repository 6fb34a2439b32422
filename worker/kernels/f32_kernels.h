// The inner loops of class F32, one table per instruction set; convnet_f32.cc strings them together. reference.cc says
// what they compute and in which order.
//
// These files are compiled for instruction sets the machine may lack, so they hold plain pointers only: an inline
// function of the standard library, emitted there and merged by the linker, could run anywhere.
#pragma once

#include <cstdint>

namespace seedcast {

// One image through block 1. `out` is the first pooled position; positions of a row are `filters` floats apart.
struct FirstBlockImage {
  const float* pixels;     // (30, 30), padded
  const uint8_t* windows;  // (196), inked ones first
  int inked_windows;
  const float* weights;  // (9, filters)
  const float* scale;    // (filters)
  const float* shift;    // (filters)
  int filters;
  float* out;
  int64_t out_row_stride;
};

// A tile of kTileSide or fewer rows and columns; component k of its V or M is at v (m) + k * stride, where
// k = 6 * point of the row + point of the column (layers.h).
struct InputTile {
  const float* patch;  // (rows + 2, columns + 2, channels), the rows `patch_stride` floats apart
  int64_t patch_stride;
  int rows;
  int columns;
  int channels;
  float* v;
  int64_t v_stride;
};

struct OutputTile {
  const float* m;
  int64_t m_stride;
  int rows;
  int columns;
  int filters;
  float* pooled;  // maxima of the tile's 2x2 windows, the rows `pooled_stride` floats apart
  int64_t pooled_stride;
  float* sum;             // (filters), over the tile's positions
  float* sum_of_squares;  // (filters)
};

// One component of a group of tiles: v (rows, depth) times u (depth, filters) gives m (rows, filters).
struct TileProducts {
  const float* v;
  const float* u;
  float* m;
  int rows;
  int depth;
  int filters;
};

struct F32Kernels {
  void (*first_block)(const FirstBlockImage& image);
  // weights (3, 3, depth, filters), signs (filters) -> u, 36 times (depth, filters), u_stride floats apart
  void (*transform_weights)(const float* weights, const float* signs, int depth, int filters, float* u,
                            int64_t u_stride);
  void (*transform_input)(const InputTile& tile);
  void (*multiply)(const TileProducts& products);
  void (*transform_output)(const OutputTile& tile);
  // sums[i] += values[i]
  void (*add_to_doubles)(const float* values, int count, double* sums);
  // out = max(0, fma(x, scale, shift)) for `positions` rows of (filters)
  void (*normalise)(const float* x, const float* scale, const float* shift, int positions, int filters, float* out);
};

extern const F32Kernels kAvx2F32Kernels;
extern const F32Kernels kAvx512F32Kernels;

}  // namespace seedcast
