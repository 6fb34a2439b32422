// What the tests of the convolution network's kernels have in common: shapes, images, parameters, embeddings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/noise/philox.h"
#include "worker/kernels/convnet.h"

namespace seedcast {

inline ConvNetShape Uniform(int filters, int blocks) { return ConvNetShape::Uniform(filters, blocks); }

// Widths that grow, shrink and do both; some whose blocks' depths differ in bfloat16's steps of 32.
inline std::vector<ConvNetShape> MixedShapes() {
  return {{{16, 32}}, {{32, 16}}, {{16, 32, 48, 64}}, {{64, 48, 32, 16}}, {{16, 80, 16, 32}}, {{48, 16, 16}}};
}

struct Case {
  ConvNetShape shape;
  int count;
  int statistics_images;
};

inline void PrintTo(const Case& c, std::ostream* out) {
  *out << absl::StrJoin(c.shape.filters, "/") << " filters, " << c.statistics_images << " of " << c.count << " images";
}

// Strokes of ink on a blank ground, as characters have them: most windows are empty.
inline std::vector<uint8_t> Characters(int count, uint64_t seed = 1) {
  std::vector<uint8_t> pixels(count * kImagePixels, 0);
  for (int image = 0; image < count; ++image) {
    PhiloxStream stream(seed, image, 0, 99);
    for (int stroke = 0; stroke < 3; ++stroke) {
      int y = stream.Below(kImageSide);
      int x = stream.Below(kImageSide);
      for (int step = 0; step < 20; ++step) {
        pixels[image * kImagePixels + y * kImageSide + x] = static_cast<uint8_t>(1 + stream.Below(kPixelMax));
        y = std::clamp<int>(y + static_cast<int>(stream.Below(3)) - 1, 0, kImageSide - 1);
        x = std::clamp<int>(x + static_cast<int>(stream.Below(3)) - 1, 0, kImageSide - 1);
      }
    }
  }
  return pixels;
}

// Weights as at the start, gammas of both signs and betas off zero, so that every branch of the specification matters.
inline std::vector<float> Theta(const ConvNetShape& shape, uint64_t seed = 1) {
  std::vector<float> theta = InitialConvNetTheta(shape, seed);
  PhiloxStream stream(seed, 1, 0, 99);
  for (float& value : theta) value += 0.2f * (stream.Uniform() - 0.5f);
  int64_t offset = 0;
  int channels = 1;
  for (const int filters : shape.filters) {
    offset += int64_t{9} * channels * filters;
    for (int c = 0; c < filters; c += 3) theta[offset + c] = -theta[offset + c];
    offset += 2 * filters;
    channels = filters;
  }
  return theta;
}

inline std::vector<float> Embed(ConvNet& net, const ConvNetShape& shape, int count, const std::vector<float>& theta) {
  std::vector<float> embeddings(int64_t{count} * shape.embedding_size(), -1.0f);
  net.Embed(theta, absl::MakeSpan(embeddings));
  return embeddings;
}

inline std::vector<float> Embed(const ConvNetKernels& kernels, const Case& c, const std::vector<float>& theta) {
  std::unique_ptr<ConvNet> net = kernels.make(c.shape);
  net->SetImages(Characters(c.count), c.count, c.statistics_images);
  return Embed(*net, c.shape, c.count, theta);
}

inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline std::vector<ConvNetKernels> KernelsOf(v1::NumericClass numeric_class) {
  std::vector<ConvNetKernels> kernels;
  for (const ConvNetKernels& k : AvailableConvNetKernels()) {
    if (k.numeric_class == numeric_class) kernels.push_back(k);
  }
  return kernels;
}

inline const ConvNetKernels& Reference() { return AvailableConvNetKernels().back(); }

}  // namespace seedcast
