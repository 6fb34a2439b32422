#include "worker/kernels/first_block.h"

#include <algorithm>

namespace seedcast {

namespace {

// An image in margins of zeros, so that a shift by up to two pixels is a shift of the flat array; beside it its three
// first and three last columns, from the edge inwards.
struct FlatImage {
  static constexpr int kMargin = 2;
  static constexpr int kRowStride = kImageSide + 2 * kMargin;
  static constexpr int kSize = kRowStride * kImageSide;

  int16_t flat[kMargin + kSize + kMargin * kRowStride + kMargin] = {};
  int16_t columns[2][3][2 * kRowStride] = {};

  explicit FlatImage(const uint8_t* pixels) {
    for (int y = 0; y < kImageSide; ++y) {
      const uint8_t* row = pixels + y * kImageSide;
      int16_t* out = flat + kMargin + y * kRowStride + kMargin;
      for (int x = 0; x < kImageSide; ++x) out[x] = row[x];
      for (int k = 0; k < 3; ++k) {
        columns[0][k][y] = row[k];
        columns[1][k][y] = row[kImageSide - 1 - k];
      }
    }
  }
  const int16_t* Row(int y) const { return flat + kMargin + y * kRowStride; }
};

template <int kCount>
int32_t Dot(const int16_t* a, const int16_t* b) {
  int32_t sum = 0;
  for (int i = 0; i < kCount; ++i) sum += a[i] * b[i];
  return sum;
}

template <int kCount>
int32_t Sum(const int16_t* a) {
  int32_t sum = 0;
  for (int i = 0; i < kCount; ++i) sum += a[i];
  return sum;
}

// A sum over all pixels and the parts of it along the image's edges, first and last. int32 holds 784 * 225^2.
struct EdgedSum {
  int32_t all;
  int32_t rows[2];
  int32_t columns[2];
  int32_t corners[2][2];

  // Over the pixels that a tap at (y, x) from its position meets, positions being all pixels: a tap below (y = 1) never
  // meets the first row, one above (y = -1) never the last.
  int64_t OverTap(int y, int x) const {
    int64_t sum = all;
    if (y != 0) sum -= rows[y < 0];
    if (x != 0) sum -= columns[x < 0];
    if (y != 0 && x != 0) sum += corners[y < 0][x < 0];
    return sum;
  }
};

constexpr int kLast = kImageSide - 1;
constexpr int kStride = FlatImage::kRowStride;

EdgedSum SumOfPixels(const FlatImage& image) {
  const int16_t* first = image.Row(0);
  const int16_t* last = image.Row(kLast);
  constexpr int kLeft = FlatImage::kMargin, kRight = kLeft + kLast;
  return {Sum<FlatImage::kSize>(first),
          {Sum<kStride>(first), Sum<kStride>(last)},
          {Sum<kStride>(image.columns[0][0]), Sum<kStride>(image.columns[1][0])},
          {{first[kLeft], first[kRight]}, {last[kLeft], last[kRight]}}};
}

// Of the products of each pixel with the one at (dy, dx) from it, dy >= 0.
EdgedSum SumOfProducts(const FlatImage& image, int dy, int dx) {
  const int shift = dy * kStride + dx;
  const int16_t* first = image.Row(0);
  const int16_t* last = image.Row(kLast);
  constexpr int kLeft = FlatImage::kMargin, kRight = kLeft + kLast;
  return {Dot<FlatImage::kSize>(first, first + shift),
          {Dot<kStride>(first, first + shift), Dot<kStride>(last, last + shift)},
          {dx < 0 ? 0 : Dot<kStride>(image.columns[0][0], image.columns[0][dx] + dy),
           dx > 0 ? 0 : Dot<kStride>(image.columns[1][0], image.columns[1][-dx] + dy)},
          {{first[kLeft] * first[kLeft + shift], first[kRight] * first[kRight + shift]},
           {last[kLeft] * last[kLeft + shift], last[kRight] * last[kRight + shift]}}};
}

}  // namespace

void EpisodeImages::Set(absl::Span<const uint8_t> pixels, int count, int statistics_images) {
  count_ = count;
  statistics_images_ = statistics_images;
  padded_.resize(int64_t{count} * kPaddedImagePixels);  // the border is 0 from here on
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
    SortWindows(image, source);
    if (image < statistics_images) AddMoments(source);
  }
  FinishMoments();
}

void EpisodeImages::SortWindows(int image, const uint8_t* pixels) {
  uint32_t ink[kPaddedImageSide] = {};  // bit x + 1 of row y + 1: ink at (y, x)
  for (int y = 0; y < kImageSide; ++y) {
    for (int x = 0; x < kImageSide; ++x) ink[y + 1] |= uint32_t{pixels[y * kImageSide + x] != 0} << (x + 1);
  }
  uint32_t rows[kWindowSide + 4] = {};  // bit x + 1 of rows[y + 1]: window (y, x)
  uint8_t blank[kWindows + 1];
  uint8_t* windows = &windows_[int64_t{image} * kWindows];
  int inked = 0;
  for (int y = 0; y < kWindowSide; ++y) {
    const uint32_t columns = ink[2 * y] | ink[2 * y + 1] | ink[2 * y + 2] | ink[2 * y + 3];
    for (int x = 0; x < kWindowSide; ++x) {
      const int window = y * kWindowSide + x;
      const bool has_ink = columns >> (2 * x) & 15;
      windows[inked] = blank[window - inked] = static_cast<uint8_t>(window);  // one of the two stays
      inked += has_ink;
      rows[y + 1] |= uint32_t{has_ink} << (x + 1);
    }
  }
  std::copy_n(blank, kWindows - inked, windows + inked);
  inked_windows_[image] = static_cast<uint8_t>(inked);
  inked_tiles_[image] = 0;
  for (int t = 0; t < 16; ++t) {  // tile row i reads window rows 4i - 1 .. 4i + 4, its columns likewise
    const uint32_t* r = rows + t / 4 * 4;
    const uint32_t columns = r[0] | r[1] | r[2] | r[3] | r[4] | r[5];
    if (columns >> (t % 4 * 4) & 63) inked_tiles_[image] |= static_cast<uint16_t>(1 << t);
  }
}

// The sum of the products of two taps depends on their distance, but for what they miss at the image's edges.
void EpisodeImages::AddMoments(const uint8_t* pixels) {
  const FlatImage image(pixels);
  const EdgedSum sum = SumOfPixels(image);
  for (int t = 0; t < 9; ++t) sum_[t] += sum.OverTap(t / 3 - 1, t % 3 - 1);
  for (int dy = 0; dy <= 2; ++dy) {
    for (int dx = dy == 0 ? 0 : -2; dx <= 2; ++dx) {
      const EdgedSum products = SumOfProducts(image, dy, dx);
      for (int t = 0; t < 9; ++t) {
        const int y = t / 3 + dy;
        const int x = t % 3 + dx;
        if (y <= 2 && x >= 0 && x <= 2) product_[t * 9 + y * 3 + x] += products.OverTap(t / 3 - 1, t % 3 - 1);
      }
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
