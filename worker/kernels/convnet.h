// The Kernels seam: the forward pass of the embedding network, arrays in, arrays out.
//
// Network: `blocks` times [3x3 convolution, padding 1, no bias -> batch normalisation -> ReLU -> 2x2 max-pool (floor)],
// 28x28x1 images in, (side, side, filters) values out (side 28 -> 14 -> 7 -> 3 -> 1). A convolution's bias would cancel
// in the normalisation (Snell et al.'s code has one), so there is none.
//
// theta, block after block: weights (3, 3, in_channels, filters), gamma (filters), beta (filters); filters are the
// block's own, in_channels those of the block before. 4 blocks of 64 filters: 111,680.
//
// Normalisation: mean and (biased) variance of each channel over all positions of the first `statistics_images` images,
// y = gamma * (x - mean) / sqrt(variance + 1e-5) + beta, for all images.
//
// Class F32: the order of every sum is documented in reference.cc, which is the specification; all F32 kernels agree
// with it to the bit. Vector lanes are channels, so no sum ever crosses lanes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

inline constexpr int kImageSide = 28;
inline constexpr int kImagePixels = kImageSide * kImageSide;
// A pixel is an integer in 0 .. kPixelMax (ink coverage); the network sees pixel / kPixelMax.
inline constexpr int kPixelMax = 225;

struct ConvNetShape {
  std::vector<int> filters;  // of each block: 1 .. 4 multiples of 16

  static ConvNetShape Uniform(int filters, int blocks) { return {std::vector<int>(blocks, filters)}; }
  bool operator==(const ConvNetShape&) const = default;

  int blocks() const { return static_cast<int>(filters.size()); }
  int64_t num_parameters() const;
  int embedding_size() const;
};

// Forward passes of one slot: owns scratch memory, one thread at a time.
class ConvNet {
 public:
  virtual ~ConvNet() = default;

  // Sets the images of an episode, (count, 784) bytes. Work that does not depend on theta (moments of the input) is
  // done here, once for all members that see this episode. 1 <= statistics_images <= count.
  virtual void SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) = 0;

  // embeddings: (count, embedding_size), of the images set last. May be called many times for one SetImages.
  virtual void Embed(absl::Span<const float> theta, absl::Span<float> embeddings) = 0;

  virtual int64_t ScratchBytes() const = 0;
};

struct ConvNetKernels {
  std::string name;  // "scalar", "avx2", "avx512", "amx", "avx512bf16"
  v1::NumericClass numeric_class;
  std::unique_ptr<ConvNet> (*make)(const ConvNetShape& shape);
};

// The kernels this machine can run, best of each class first, the scalar reference last.
const std::vector<ConvNetKernels>& AvailableConvNetKernels();
// The best of a class; nullptr when there is none here.
const ConvNetKernels* BestConvNetKernels(v1::NumericClass numeric_class);
// The classes of which there is one: what workers here prove.
std::vector<v1::NumericClass> NumericClassesHere();
// For tests of mixed fleets: of the class F32 these alone from now on. False when this machine cannot run them. Call it
// before threads start.
bool UseF32Kernels(const std::string& name);

// theta of version 0: weights N(0, 2 / (9 * in_channels))-like (He et al. 2015) from integer noise, gamma 1, beta 0.
std::vector<float> InitialConvNetTheta(const ConvNetShape& shape, uint64_t seed);

}  // namespace seedcast
