// Maxima of a block's pool before the block's map, of all images of an episode: (count, pooled_side^2, filters). Two
// buffers serve all blocks, since a block reads only the one before it.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/kernels/aligned.h"
#include "worker/kernels/layers.h"

namespace seedcast {

class PooledMaxima {
 public:
  explicit PooledMaxima(const std::vector<ConvLayer>& layers) {
    for (const ConvLayer& layer : layers) image_size_.push_back(int64_t{layer.pooled_positions()} * layer.filters);
  }

  // For up to `count` images; keeps what is large enough.
  void Reserve(int count) {
    if (count <= capacity_) return;
    capacity_ = count;
    bytes_ = 0;
    for (size_t block = 1; block < image_size_.size() && block < 3; ++block) {
      values_[block % 2] = MakeAlignedArray<float>(count * image_size_[block]);
      bytes_ += static_cast<int64_t>(count * image_size_[block] * sizeof(float));
    }
  }

  // Blocks from 1 on: block 0 is fused into its reader.
  float* At(int block, int image) { return values_[block % 2].get() + image * image_size_[block]; }
  int64_t bytes() const { return bytes_; }

 private:
  std::vector<int64_t> image_size_;  // floats, by block
  AlignedArray<float> values_[2];
  int capacity_ = 0;  // images
  int64_t bytes_ = 0;
};

}  // namespace seedcast
