// Geometry of the network's blocks, and the step from a channel's moments to its affine map: shared by all kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/kernels/convnet.h"

namespace seedcast {

// Convolutions of blocks 2 .. 4 are made of tiles of their output. A tile is 4 positions high (wide) or, where the
// image ends, 2 or 3: Winograd's F(4, 3) and, on subsets of the same six points, F(2, 3) and F(3, 3). So all tiles
// share one set of transformed weights, and no position is computed in vain (14 = 4 + 4 + 4 + 2, 7 = 4 + 3, 3 = 3).
inline constexpr int kTileSide = 4;
inline constexpr int kTilePatch = kTileSide + 2;                 // input side of a tile
inline constexpr int kTileComponents = kTilePatch * kTilePatch;  // multiplications per tile and pair of channels

struct ConvLayer {
  int in_channels;
  int filters;
  int side;         // of the input and of the convolution's output
  int pooled_side;  // side / 2, rounded down
  int tile_rows;    // tiles along a side
  int last_extent;  // of the last tile of a row or column; all others have kTileSide
  int64_t weights;  // offsets into theta
  int64_t gamma;
  int64_t beta;

  int tiles() const { return tile_rows * tile_rows; }
  int padded_side() const { return side + 2; }
  int pooled_positions() const { return pooled_side * pooled_side; }
  int Extent(int tile_row) const { return tile_row + 1 < tile_rows ? kTileSide : last_extent; }
};

// The six points are 0, 1, -1, 2, -2 and infinity. A tile of extent 3 lacks -2, one of extent 2 lacks 2 and -2.
inline bool HasPoint(int extent, int point) { return point == 5 || point <= extent; }

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

// The maps of all channels, from sums (moments: the values', then their squares', (2, filters)) over the layer's
// outputs of `images` images.
void MapChannels(const ConvLayer& layer, const double* moments, int images, const float* theta, float* scale,
                 float* shift);

// +1 or -1: what the channel's weights are multiplied by.
inline float SignOfChannel(float gamma) { return gamma < 0 ? -1.0f : 1.0f; }

}  // namespace seedcast
