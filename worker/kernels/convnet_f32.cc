// Class F32, fast: strings the loops of an instruction set (f32_kernels.h) together, a few images at a time so that
// what one step writes is still in the core's cache when the next one reads it.
#include <algorithm>

#include "worker/kernels/aligned.h"
#include "worker/kernels/first_block.h"
#include "worker/kernels/layers.h"
#include "worker/kernels/networks.h"

namespace seedcast {
namespace {

// Components of V and M lie one cache line further apart than a power of two, or all 36 would fight for the same set.
constexpr int kComponentPadding = 16;

class F32ConvNet : public ConvNet {
 public:
  F32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels);

  void SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) override;
  void Embed(absl::Span<const float> theta, absl::Span<float> embeddings) override;
  int64_t ScratchBytes() const override { return scratch_bytes_ + pooled_bytes_ + images_.Bytes(); }

 private:
  int ImagesPerGroup(const ConvLayer& layer) const { return std::max(1, group_tiles_ / layer.tiles()); }
  void RunFirstBlock(int image, float* out, int64_t row_stride);
  void RunLayer(int block, const float* theta);
  void RunGroup(int block, int first, int images);
  void FillPadded(int block, int image, float* padded);
  void SetMap(const ConvLayer& layer, const float* theta);

  template <typename T>
  AlignedArray<T> Scratch(size_t count) {
    scratch_bytes_ += static_cast<int64_t>(count * sizeof(T));
    return MakeAlignedArray<T>(count);
  }

  const F32Kernels& kernels_;
  const std::vector<ConvLayer> layers_;
  const int filters_;
  const int group_tiles_;         // tiles of a group of images
  const int64_t component_size_;  // floats between components of V and of M
  int64_t scratch_bytes_ = 0;
  int64_t pooled_bytes_ = 0;
  EpisodeImages images_;
  FirstBlock first_block_;
  AlignedArray<float> signs_;            // (filters), of the layer at work
  AlignedArray<double> sum_;             // (filters)
  AlignedArray<double> sum_of_squares_;  // (filters)
  AlignedArray<float> scale_;            // (filters), of the layer before
  AlignedArray<float> shift_;            // (filters)
  AlignedArray<float> u_;                // (36, filters, filters), of the layer at work
  AlignedArray<float> v_;                // (36, component_size)
  AlignedArray<float> m_;                // (36, component_size)
  AlignedArray<float> padded_[4];        // one image of each block's input; the border stays 0
  // Maxima of the pool before their map, (count, pooled_side^2, filters), of odd and of even blocks.
  AlignedArray<float> pooled_[2];
  int pooled_capacity_ = 0;  // images
};

// V and M of a group share the second-level cache with what streams through it.
int GroupTiles(int filters) {
  constexpr int kGroupBytes = 640 << 10;
  return std::max(16, kGroupBytes / (2 * kTileComponents * filters * static_cast<int>(sizeof(float))));
}

F32ConvNet::F32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels)
    : kernels_(kernels),
      layers_(ConvLayers(shape)),
      filters_(shape.filters),
      group_tiles_(GroupTiles(shape.filters)),
      component_size_(int64_t{group_tiles_} * filters_ + kComponentPadding),
      first_block_(shape.filters) {
  signs_ = Scratch<float>(filters_);
  sum_ = Scratch<double>(filters_);
  sum_of_squares_ = Scratch<double>(filters_);
  scale_ = Scratch<float>(filters_);
  shift_ = Scratch<float>(filters_);
  if (shape.blocks == 1) return;
  u_ = Scratch<float>(size_t{kTileComponents} * filters_ * filters_);
  v_ = Scratch<float>(kTileComponents * component_size_);
  m_ = Scratch<float>(kTileComponents * component_size_);
  for (int block = 1; block < shape.blocks; ++block) {
    const int side = layers_[block].padded_side;
    padded_[block] = Scratch<float>(size_t(side) * side * filters_);
  }
}

void F32ConvNet::SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) {
  images_.Set(pixels, count, statistics_images);
  if (count <= pooled_capacity_) return;
  pooled_capacity_ = count;
  pooled_bytes_ = 0;
  for (size_t block = 1; block < layers_.size() && block < 3; ++block) {
    const size_t floats = size_t(count) * layers_[block].pooled_positions() * filters_;
    pooled_[block % 2] = MakeAlignedArray<float>(floats);
    pooled_bytes_ += static_cast<int64_t>(floats * sizeof(float));
  }
}

void F32ConvNet::Embed(absl::Span<const float> theta, absl::Span<float> embeddings) {
  first_block_.Set(layers_[0], images_, theta.data());
  const ConvLayer& last = layers_.back();
  const int64_t embedding_size = int64_t{last.pooled_positions()} * filters_;
  if (layers_.size() == 1) {
    for (int image = 0; image < images_.count(); ++image) {
      RunFirstBlock(image, embeddings.data() + image * embedding_size, int64_t{kWindowSide} * filters_);
    }
    return;
  }
  const int blocks = static_cast<int>(layers_.size());
  for (int block = 1; block < blocks; ++block) RunLayer(block, theta.data());
  kernels_.normalise(pooled_[(blocks - 1) % 2].get(), scale_.get(), shift_.get(),
                     images_.count() * last.pooled_positions(), filters_, embeddings.data());
}

void F32ConvNet::RunFirstBlock(int image, float* out, int64_t row_stride) {
  kernels_.first_block({images_.Padded(image), images_.Windows(image), images_.InkedWindows(image),
                        first_block_.weights.data(), first_block_.scale.data(), first_block_.shift.data(), filters_,
                        out, row_stride});
}

void F32ConvNet::RunLayer(int block, const float* theta) {
  const ConvLayer& layer = layers_[block];
  for (int c = 0; c < filters_; ++c) signs_[c] = SignOfChannel(theta[layer.gamma + c]);
  kernels_.transform_weights(theta + layer.weights, signs_.get(), layer.in_channels, filters_, u_.get());
  std::fill_n(sum_.get(), filters_, 0.0);
  std::fill_n(sum_of_squares_.get(), filters_, 0.0);
  const int group = ImagesPerGroup(layer);
  for (int first = 0; first < images_.count(); first += group) {
    RunGroup(block, first, std::min(group, images_.count() - first));
  }
  SetMap(layer, theta);
}

void F32ConvNet::RunGroup(int block, int first, int images) {
  const ConvLayer& layer = layers_[block];
  const int64_t image_rows = int64_t{layer.tiles()} * filters_;
  float* padded = padded_[block].get();
  for (int i = 0; i < images; ++i) {
    FillPadded(block, first + i, padded);
    kernels_.transform_input(padded, layer.tile_rows, filters_, v_.get() + i * image_rows, component_size_);
  }
  kernels_.multiply({v_.get(), component_size_, u_.get(), m_.get(), component_size_, images * layer.tiles(),
                     layer.in_channels, filters_});
  for (int i = 0; i < images; ++i) {
    const bool statistics = first + i < images_.statistics_images();
    float* pooled = pooled_[block % 2].get() + int64_t{first + i} * layer.pooled_positions() * filters_;
    kernels_.transform_output({m_.get() + i * image_rows, component_size_, layer.side, layer.tile_rows,
                               layer.pooled_side, filters_, pooled, statistics ? sum_.get() : nullptr,
                               sum_of_squares_.get()});
  }
}

// The input of a block's tiles: block 1's output is made here, the others' is mapped from their maxima.
void F32ConvNet::FillPadded(int block, int image, float* padded) {
  const ConvLayer& layer = layers_[block];
  const int64_t row_stride = int64_t{layer.padded_side} * filters_;
  float* inside = padded + row_stride + filters_;
  if (block == 1) return RunFirstBlock(image, inside, row_stride);
  const int64_t row = int64_t{layer.side} * filters_;
  const float* pooled = pooled_[(block - 1) % 2].get() + image * layer.side * row;
  for (int y = 0; y < layer.side; ++y) {
    kernels_.normalise(pooled + y * row, scale_.get(), shift_.get(), layer.side, filters_, inside + y * row_stride);
  }
}

void F32ConvNet::SetMap(const ConvLayer& layer, const float* theta) {
  const double n = static_cast<double>(images_.statistics_images()) * layer.side * layer.side;
  for (int c = 0; c < filters_; ++c) {
    const double mean = sum_[c] / n;
    const ChannelMap map = MapOfChannel(mean, sum_of_squares_[c] / n - mean * mean, kEpsilon, theta[layer.gamma + c],
                                        theta[layer.beta + c]);
    scale_[c] = map.scale;
    shift_[c] = map.shift;
  }
}

}  // namespace

std::unique_ptr<ConvNet> MakeF32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels) {
  return std::make_unique<F32ConvNet>(shape, kernels);
}

}  // namespace seedcast
