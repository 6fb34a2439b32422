#include "worker/kernels/layers.h"

#include <cmath>

namespace seedcast {

std::vector<ConvLayer> ConvLayers(const ConvNetShape& shape) {
  std::vector<ConvLayer> layers;
  int64_t offset = 0;
  int side = kImageSide;
  int channels = 1;
  for (const int filters : shape.filters) {
    ConvLayer layer;
    layer.in_channels = channels;
    layer.filters = filters;
    layer.side = side;
    layer.pooled_side = side / 2;
    layer.tile_rows = (side + kTileSide - 1) / kTileSide;
    layer.last_extent = side - (layer.tile_rows - 1) * kTileSide;
    layer.weights = offset;
    layer.gamma = layer.weights + int64_t{9} * layer.in_channels * layer.filters;
    layer.beta = layer.gamma + layer.filters;
    offset = layer.beta + layer.filters;
    side = layer.pooled_side;
    channels = filters;
    layers.push_back(layer);
  }
  return layers;
}

ChannelMap MapOfChannel(double mean, double variance, double epsilon, float gamma, float beta) {
  // Rounding may leave a constant channel with a variance just below 0. (A NaN stays one.)
  if (variance < 0) variance = 0;
  const double scale = std::abs(static_cast<double>(gamma)) / std::sqrt(variance + epsilon);
  return {static_cast<float>(scale), static_cast<float>(beta - mean * scale)};
}

void MapChannels(const ConvLayer& layer, const double* moments, int images, const float* theta, float* scale,
                 float* shift) {
  const double n = static_cast<double>(images) * layer.side * layer.side;
  for (int c = 0; c < layer.filters; ++c) {
    const double mean = moments[c] / n;
    const double variance = moments[layer.filters + c] / n - mean * mean;
    const ChannelMap map = MapOfChannel(mean, variance, kEpsilon, theta[layer.gamma + c], theta[layer.beta + c]);
    scale[c] = map.scale;
    shift[c] = map.shift;
  }
}

}  // namespace seedcast
