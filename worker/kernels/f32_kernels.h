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

// Convolution of a group of images as 36 matrix products, (rows, depth) x (depth, filters); a row is a tile.
// Component k of V starts at v + k * v_stride, of M at m + k * m_stride, of U at u + k * depth * filters.
struct TileProducts {
  const float* v;
  int64_t v_stride;
  const float* u;
  float* m;
  int64_t m_stride;
  int rows;
  int depth;
  int filters;
};

// One image's tiles from M to pooled maxima, with the moments when the image is a statistics image.
struct TileOutputs {
  const float* m;  // component 0 of the image's first tile
  int64_t m_stride;
  int side;
  int tile_rows;
  int pooled_side;
  int filters;
  float* pooled;           // (pooled_side, pooled_side, filters)
  double* sum;             // (filters), nullptr: no statistics
  double* sum_of_squares;  // (filters)
};

struct F32Kernels {
  void (*first_block)(const FirstBlockImage& image);
  // weights (3, 3, depth, filters), signs (filters) -> u (36, depth, filters)
  void (*transform_weights)(const float* weights, const float* signs, int depth, int filters, float* u);
  // padded (padded_side, padded_side, channels) of one image -> its tiles' rows of V
  void (*transform_input)(const float* padded, int tile_rows, int channels, float* v, int64_t v_stride);
  void (*multiply)(const TileProducts& products);
  void (*transform_output)(const TileOutputs& outputs);
  // out = max(0, fma(x, scale, shift)) for `positions` rows of (filters)
  void (*normalise)(const float* x, const float* scale, const float* shift, int positions, int filters, float* out);
};

extern const F32Kernels kAvx2F32Kernels;
extern const F32Kernels kAvx512F32Kernels;

}  // namespace seedcast
