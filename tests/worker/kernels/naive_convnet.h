// The convolution network as its definition reads, in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/worker/kernels/convnet_inputs.h"

namespace seedcast {

inline std::vector<double> Convolve(const std::vector<double>& input, int images, int side, int channels,
                                    const float* weights, int filters) {
  std::vector<double> output(int64_t{images} * side * side * filters, 0.0);
  for (int position = 0; position < images * side * side; ++position) {
    const int image = position / (side * side);
    const int y = position / side % side;
    const int x = position % side;
    for (int t = 0; t < 9; ++t) {
      const int v = y + t / 3 - 1;
      const int u = x + t % 3 - 1;
      if (v < 0 || v >= side || u < 0 || u >= side) continue;
      for (int i = 0; i < channels; ++i) {
        const double value = input[((image * side + v) * side + u) * channels + i];
        for (int c = 0; c < filters; ++c) {
          output[position * int64_t{filters} + c] += value * weights[(t * channels + i) * filters + c];
        }
      }
    }
  }
  return output;
}

inline void NormaliseAndRectify(std::vector<double>& x, int filters, int64_t statistics_positions, const float* gamma,
                                const float* beta) {
  for (int c = 0; c < filters; ++c) {
    double mean = 0;
    double variance = 0;
    for (int64_t i = 0; i < statistics_positions; ++i) mean += x[i * filters + c] / statistics_positions;
    for (int64_t i = 0; i < statistics_positions; ++i) {
      variance += (x[i * filters + c] - mean) * (x[i * filters + c] - mean) / statistics_positions;
    }
    for (size_t i = c; i < x.size(); i += filters) {
      x[i] = std::max(0.0, gamma[c] * (x[i] - mean) / std::sqrt(variance + 1e-5) + beta[c]);
    }
  }
}

inline std::vector<double> Pool(const std::vector<double>& x, int images, int side, int filters) {
  const int pooled = side / 2;
  std::vector<double> output;
  for (int i = 0; i < images * pooled * pooled; ++i) {
    const int image = i / (pooled * pooled);
    const int64_t first = (image * side + 2 * (i / pooled % pooled)) * side + 2 * (i % pooled);
    for (int c = 0; c < filters; ++c) {
      output.push_back(std::max({x[first * filters + c], x[(first + 1) * filters + c], x[(first + side) * filters + c],
                                 x[(first + side + 1) * filters + c]}));
    }
  }
  return output;
}

inline std::vector<double> NaiveEmbed(const Case& c, const std::vector<float>& theta) {
  const std::vector<uint8_t> pixels = Characters(c.count);
  std::vector<double> x;
  for (uint8_t pixel : pixels) x.push_back(static_cast<double>(pixel) / kPixelMax);
  int side = kImageSide;
  int channels = 1;
  const float* weights = theta.data();
  for (const int filters : c.shape.filters) {
    const float* gamma = weights + 9 * channels * filters;
    x = Convolve(x, c.count, side, channels, weights, filters);
    NormaliseAndRectify(x, filters, int64_t{c.statistics_images} * side * side, gamma, gamma + filters);
    x = Pool(x, c.count, side, filters);
    weights = gamma + 2 * filters;
    channels = filters;
    side /= 2;
  }
  return x;
}

}  // namespace seedcast
