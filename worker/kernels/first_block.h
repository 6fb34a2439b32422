// What block 1 needs of an episode's images, made once for all members.
//
// The convolution's output is linear in the nine pixels of a patch, so a channel's mean and variance over the
// statistics images follow from the pixels' first and second moments. Pixels are integers, so the moments are exact
// whatever the order of summation.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "worker/kernels/layers.h"

namespace seedcast {

inline constexpr int kPaddedImageSide = kImageSide + 2;
inline constexpr int kPaddedImagePixels = kPaddedImageSide * kPaddedImageSide;
inline constexpr int kWindowSide = kImageSide / 2;  // 2x2 windows of the pool
inline constexpr int kWindows = kWindowSide * kWindowSide;

class EpisodeImages {
 public:
  void Set(absl::Span<const uint8_t> pixels, int count, int statistics_images);

  int count() const { return count_; }
  int statistics_images() const { return statistics_images_; }
  // (30, 30): pixels as floats, in a border of zeros.
  const float* Padded(int image) const { return &padded_[int64_t{image} * kPaddedImagePixels]; }
  // (196): the pool's windows (y * 14 + x). Those whose 4x4 pixels hold ink come first; the others are all zero.
  const uint8_t* Windows(int image) const { return &windows_[int64_t{image} * kWindows]; }
  int InkedWindows(int image) const { return inked_windows_[image]; }
  // Bit t: ink reaches the input of tile t of block 2 (layers.h). Without ink all images have the same there.
  uint16_t InkedTiles(int image) const { return inked_tiles_[image]; }
  int64_t Bytes() const;

  // Moments of the nine taps of a patch, in row-major order, over all positions of the statistics images.
  const std::array<double, 9>& tap_mean() const { return tap_mean_; }
  const std::array<double, 81>& tap_covariance() const { return tap_covariance_; }

 private:
  void SortWindows(int image, const uint8_t* pixels);
  void AddMoments(const uint8_t* pixels);
  void FinishMoments();

  int count_ = 0;
  int statistics_images_ = 0;
  std::vector<float> padded_;
  std::vector<uint8_t> windows_;
  std::vector<uint8_t> inked_windows_;
  std::vector<uint16_t> inked_tiles_;
  std::array<int64_t, 9> sum_;
  std::array<int64_t, 81> product_;  // s >= t only
  std::array<double, 9> tap_mean_;
  std::array<double, 81> tap_covariance_;
};

// Block 1 of one member: weights with the channels' signs, and the channels' maps. Arrays of (filters), weights
// (9, filters).
struct FirstBlock {
  std::vector<float> weights;
  std::vector<float> scale;
  std::vector<float> shift;

  explicit FirstBlock(int filters) : weights(9 * filters), scale(filters), shift(filters) {}
  void Set(const ConvLayer& layer, const EpisodeImages& images, const float* theta);
};

}  // namespace seedcast
