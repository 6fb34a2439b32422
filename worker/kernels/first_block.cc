#include "worker/kernels/first_block.h"

#include <cstring>

namespace seedcast {

void EpisodeImages::Set(absl::Span<const uint8_t> pixels, int count, int statistics_images) {
  count_ = count;
  statistics_images_ = statistics_images;
  padded_.assign(int64_t{count} * kPaddedImagePixels, 0.0f);
  windows_.resize(int64_t{count} * kWindows);
  inked_windows_.resize(count);
  inked_tiles_.resize(count);
  sum_.fill(0);
  product_.fill(0);
  for (int image = 0; image < count; ++image) {
    const uint8_t* source = &pixels[int64_t{image} * kImagePixels];
    for (int y = 0; y < kImageSide; ++y) {
      float* row = &padded_[int64_t{image} * kPaddedImagePixels + (y + 1) * kPaddedImageSide + 1];
      for (int x = 0; x < kImageSide; ++x) row[x] = source[y * kImageSide + x];
    }
    SortWindows(image);
    if (image < statistics_images) AddMoments(source);
  }
  FinishMoments();
}

// The tiles of block 2 that read window (y, x) or the convolution's border around it: rows 4t-1 .. 4t+4 are tile row
// t's.
static uint16_t TilesAround(int y, int x) {
  uint16_t tiles = 0;
  for (int row = y < 5 ? 0 : (y - 1) / 4; row <= (y + 1) / 4 && row < 4; ++row) {
    for (int column = x < 5 ? 0 : (x - 1) / 4; column <= (x + 1) / 4 && column < 4; ++column) {
      tiles |= static_cast<uint16_t>(1 << (4 * row + column));
    }
  }
  return tiles;
}

void EpisodeImages::SortWindows(int image) {
  const float* padded = Padded(image);
  uint8_t* windows = &windows_[int64_t{image} * kWindows];
  int inked = 0;
  int blank = kWindows;
  uint16_t inked_tiles = 0;
  for (int y = 0; y < kWindowSide; ++y) {
    for (int x = 0; x < kWindowSide; ++x) {
      float ink = 0;
      for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 4; ++column) ink += padded[(2 * y + row) * kPaddedImageSide + 2 * x + column];
      }
      windows[ink > 0 ? inked++ : --blank] = static_cast<uint8_t>(y * kWindowSide + x);
      if (ink > 0) inked_tiles |= TilesAround(y, x);
    }
  }
  inked_windows_[image] = static_cast<uint8_t>(inked);
  inked_tiles_[image] = inked_tiles;
}

void EpisodeImages::AddMoments(const uint8_t* pixels) {
  // Nine shifted copies of the image, then plain dot products, which the compiler vectorises. One image's sums fit
  // int32: 784 * 225^2.
  int16_t taps[9][kImagePixels] = {};
  for (int t = 0; t < 9; ++t) {
    const int dy = t / 3 - 1;
    const int dx = t % 3 - 1;
    const int first = dx < 0 ? 1 : 0;
    const int last = dx > 0 ? kImageSide - 1 : kImageSide;
    for (int y = 0; y < kImageSide; ++y) {
      if (y + dy < 0 || y + dy >= kImageSide) continue;
      const uint8_t* source = pixels + (y + dy) * kImageSide + dx;
      for (int x = first; x < last; ++x) taps[t][y * kImageSide + x] = source[x];
    }
  }
  for (int t = 0; t < 9; ++t) {
    int32_t sum = 0;
    for (int i = 0; i < kImagePixels; ++i) sum += taps[t][i];
    sum_[t] += sum;
    for (int s = t; s < 9; ++s) {
      int32_t product = 0;
      for (int i = 0; i < kImagePixels; ++i) product += taps[t][i] * taps[s][i];
      product_[t * 9 + s] += product;
    }
  }
}

void EpisodeImages::FinishMoments() {
  // n * sum and sum * sum stay below 2^63 for up to 10,000 images.
  const int64_t n = int64_t{statistics_images_} * kImagePixels;
  const double n_squared = static_cast<double>(n) * static_cast<double>(n);
  for (int t = 0; t < 9; ++t) {
    tap_mean_[t] = static_cast<double>(sum_[t]) / static_cast<double>(n);
    for (int s = t; s < 9; ++s) {
      const int64_t scaled = n * product_[t * 9 + s] - sum_[t] * sum_[s];
      tap_covariance_[t * 9 + s] = tap_covariance_[s * 9 + t] = static_cast<double>(scaled) / n_squared;
    }
  }
}

int64_t EpisodeImages::Bytes() const {
  return static_cast<int64_t>(padded_.capacity() * sizeof(float) + windows_.capacity() + inked_windows_.capacity() +
                              inked_tiles_.capacity() * sizeof(uint16_t));
}

void FirstBlock::Set(const ConvLayer& layer, const EpisodeImages& images, const float* theta) {
  const int filters = layer.filters;
  const float* gamma = theta + layer.gamma;
  const float* beta = theta + layer.beta;
  for (int t = 0; t < 9; ++t) {
    for (int c = 0; c < filters; ++c) {
      weights[t * filters + c] = SignOfChannel(gamma[c]) * theta[layer.weights + t * filters + c];
    }
  }
  for (int c = 0; c < filters; ++c) {
    double mean = 0;
    double variance = 0;
    for (int t = 0; t < 9; ++t) {
      const double weight = weights[t * filters + c];
      mean += weight * images.tap_mean()[t];
      double row = 0;
      for (int s = 0; s < 9; ++s) row += images.tap_covariance()[t * 9 + s] * weights[s * filters + c];
      variance += weight * row;
    }
    const ChannelMap map = MapOfChannel(mean, variance, kPixelEpsilon, gamma[c], beta[c]);
    scale[c] = map.scale;
    shift[c] = map.shift;
  }
}

}  // namespace seedcast
