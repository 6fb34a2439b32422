// The matrix products of the bfloat16 classes, one table per kind of unit; convnet_bf16.cc does the rest in float32.
// Plain pointers only, for the reason given in f32_kernels.h.
#pragma once

#include <cstdint>

namespace seedcast {

inline constexpr int kBf16Depth = 32;    // channels of one step: a tile row of AMX
inline constexpr int kBf16Columns = 16;  // filters of a tile
inline constexpr int kBf16Rows = 16;     // positions of a tile
inline constexpr int kBf16TileSize = kBf16Depth * kBf16Columns;

// A 3x3 convolution of one image as a matrix product without unrolling the image: the rows are consecutive positions of
// the padded image, a tap is a shift of the pointer. Rows that start in the padding give numbers nobody reads.
struct Bf16Products {
  const uint16_t* image;    // (positions, depth): the padded image, flat
  int image_row;            // positions between rows of the image
  int depth;                // channels, a multiple of kBf16Depth
  const uint16_t* weights;  // (9, depth / 32, filters / 16) tiles of (16 pairs of channels, 16 filters, 2)
  int filters;
  int rows;    // a multiple of kBf16Rows
  float* out;  // (rows, filters)
};

struct Bf16Kernels {
  // The thread's tiles are set up before its first product and given back after its last.
  void (*begin)();
  void (*multiply)(const Bf16Products& products);
  void (*end)();
};

extern const Bf16Kernels kAvx512Bf16Kernels;
extern const Bf16Kernels kAmxBf16Kernels;

// True where the processor has AMX with bfloat16 and the kernel lets this process use it.
bool RequestAmx();

}  // namespace seedcast
