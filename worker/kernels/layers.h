// Geometry of the network's blocks, and the step from a channel's moments to its affine map: shared by all kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/kernels/convnet.h"

namespace seedcast {

// Convolutions of blocks 2 .. 4 are made of 4x4 tiles of their output (Winograd F(4x4, 3x3)); the tiles cover the
// image and may hang over its right and lower edge.
inline constexpr int kTileSide = 4;
inline constexpr int kTilePatch = kTileSide + 2;                 // input side of a tile
inline constexpr int kTileComponents = kTilePatch * kTilePatch;  // multiplications per tile and pair of channels

struct ConvLayer {
  int in_channels;
  int filters;
  int side;         // of the input and of the convolution's output
  int pooled_side;  // side / 2, rounded down
  int tile_rows;    // tiles along a side
  int padded_side;  // input side with its zero border: what the tiles read
  int64_t weights;  // offsets into theta
  int64_t gamma;
  int64_t beta;

  int tiles() const { return tile_rows * tile_rows; }
  int pooled_positions() const { return pooled_side * pooled_side; }
};

std::vector<ConvLayer> ConvLayers(const ConvNetShape& shape);

inline constexpr double kEpsilon = 1e-5;
// Block 1 works on the integers 0 .. kPixelMax: its moments are in those units, and so is its epsilon.
inline constexpr double kPixelEpsilon = kEpsilon * kPixelMax * kPixelMax;

// gamma * (x - mean) / sqrt(variance + epsilon) + beta as fma(x, scale, shift).
//
// Kernels never see a negative gamma: a channel that has one is computed with its weights negated, which negates
// every sum exactly, and takes |gamma|. So scale >= 0, x -> fma(x, scale, shift) is monotone, and the maximum of the
// pool may be taken before the map: same bits, four times fewer of them.
struct ChannelMap {
  float scale;
  float shift;
};
ChannelMap MapOfChannel(double mean, double variance, double epsilon, float gamma, float beta);

// +1 or -1: what the channel's weights are multiplied by.
inline float SignOfChannel(float gamma) { return gamma < 0 ? -1.0f : 1.0f; }

}  // namespace seedcast
