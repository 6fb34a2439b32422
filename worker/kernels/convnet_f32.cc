// Class F32, fast: strings the loops of an instruction set (f32_kernels.h) together, a few images at a time so that
// what one step writes is still in the core's cache when the next one reads it.
#include <algorithm>

#include "worker/kernels/aligned.h"
#include "worker/kernels/first_block.h"
#include "worker/kernels/layers.h"
#include "worker/kernels/networks.h"
#include "worker/kernels/pooled_maxima.h"
#include "worker/kernels/tile_rows.h"

namespace seedcast {
namespace {

// Components of U, V and M lie a cache line further apart than a power of two, or all 36 would fight for one set.
constexpr int kComponentPadding = 16;

class F32ConvNet : public ConvNet {
 public:
  F32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels);

  void SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) override;
  void Embed(absl::Span<const float> theta, absl::Span<float> embeddings) override;
  int64_t ScratchBytes() const override { return scratch_bytes_ + pooled_.bytes() + images_.Bytes(); }

 private:
  void RunFirstBlock(int image, int inked_windows, float* out, int64_t row_stride);
  void RunLayer(int block, const float* theta);
  void RunBlankImage();
  void RunGroup(int block, int first, int images);
  void FillPadded(int block, int image);
  void TransformInput(int block, int image_in_group);
  void Multiply(const ConvLayer& layer);
  void TransformOutput(const ConvLayer& layer, int tile, int row, float* pooled, float* moments);
  void CopyBlankTile(const ConvLayer& layer, int tile, float* pooled);

  // A tile's moments are its sums, then its sums of squares.
  float* BlankMoments(int tile) { return blank_moments_.get() + tile * 2 * filters_; }

  template <typename T>
  AlignedArray<T> Scratch(size_t count) {
    scratch_bytes_ += static_cast<int64_t>(count * sizeof(T));
    return MakeAlignedArray<T>(count);
  }

  const F32Kernels& kernels_;
  const std::vector<ConvLayer> layers_;
  const int filters_;
  const int group_tiles_;   // tiles of a group of images, at most
  const int64_t u_stride_;  // floats between components of U
  const int64_t v_stride_;  // floats between components of V and of M
  int64_t scratch_bytes_ = 0;
  EpisodeImages images_;
  uint16_t blank_tiles_ = 0;  // bit t: some image has no ink in tile t of block 2
  FirstBlock first_block_;
  TileRows rows_;                     // of the group at work
  AlignedArray<float> signs_;         // (filters), of the layer at work
  AlignedArray<double> moments_;      // (2, filters), of the layer at work
  AlignedArray<float> scale_;         // (filters), of the layer before
  AlignedArray<float> shift_;         // (filters)
  AlignedArray<float> u_;             // 36 times (filters, filters), of the layer at work
  AlignedArray<float> v_;             // 36 times (group_tiles, filters)
  AlignedArray<float> m_;             // 36 times (group_tiles, filters)
  AlignedArray<float> padded_[4];     // one image of each block's input, (side + 2, side + 2, filters); the border is 0
  AlignedArray<float> tile_moments_;  // (2, filters)
  AlignedArray<float> blank_pooled_;  // (7, 7, filters): block 2 of an image without ink
  AlignedArray<float> blank_moments_;  // (16, 2, filters)
  PooledMaxima pooled_;
};

// V and M of a group share the second-level cache with U, which streams through it.
int GroupTiles(int filters) {
  constexpr int kGroupBytes = 640 << 10;
  return std::max(16, kGroupBytes / (2 * kTileComponents * filters * static_cast<int>(sizeof(float))));
}

F32ConvNet::F32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels)
    : kernels_(kernels),
      layers_(ConvLayers(shape)),
      filters_(shape.filters),
      group_tiles_(GroupTiles(shape.filters)),
      u_stride_(int64_t{filters_} * filters_ + kComponentPadding),
      v_stride_(int64_t{group_tiles_} * filters_ + kComponentPadding),
      first_block_(shape.filters),
      pooled_(layers_) {
  if (shape.blocks == 1) return;
  signs_ = Scratch<float>(filters_);
  moments_ = Scratch<double>(2 * filters_);
  scale_ = Scratch<float>(filters_);
  shift_ = Scratch<float>(filters_);
  u_ = Scratch<float>(kTileComponents * u_stride_);
  v_ = Scratch<float>(kTileComponents * v_stride_);
  m_ = Scratch<float>(kTileComponents * v_stride_);
  tile_moments_ = Scratch<float>(2 * filters_);
  blank_pooled_ = Scratch<float>(size_t(layers_[1].pooled_positions()) * filters_);
  blank_moments_ = Scratch<float>(size_t(layers_[1].tiles()) * 2 * filters_);
  for (int block = 1; block < shape.blocks; ++block) {
    const int side = layers_[block].padded_side();
    padded_[block] = Scratch<float>(size_t(side) * side * filters_);
  }
}

void F32ConvNet::SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) {
  images_.Set(pixels, count, statistics_images);
  blank_tiles_ = 0;
  for (int image = 0; image < count; ++image) blank_tiles_ |= static_cast<uint16_t>(~images_.InkedTiles(image));
  pooled_.Reserve(count);
}

void F32ConvNet::Embed(absl::Span<const float> theta, absl::Span<float> embeddings) {
  first_block_.Set(layers_[0], images_, theta.data());
  const ConvLayer& last = layers_.back();
  const int64_t embedding_size = int64_t{last.pooled_positions()} * filters_;
  if (layers_.size() == 1) {
    for (int image = 0; image < images_.count(); ++image) {
      RunFirstBlock(image, images_.InkedWindows(image), embeddings.data() + image * embedding_size,
                    int64_t{kWindowSide} * filters_);
    }
    return;
  }
  const int blocks = static_cast<int>(layers_.size());
  for (int block = 1; block < blocks; ++block) RunLayer(block, theta.data());
  kernels_.normalise(pooled_.At(blocks - 1, 0), scale_.get(), shift_.get(), images_.count() * last.pooled_positions(),
                     filters_, embeddings.data());
}

void F32ConvNet::RunFirstBlock(int image, int inked_windows, float* out, int64_t row_stride) {
  kernels_.first_block({images_.Padded(image), images_.Windows(image), inked_windows, first_block_.weights.data(),
                        first_block_.scale.data(), first_block_.shift.data(), filters_, out, row_stride});
}

void F32ConvNet::RunLayer(int block, const float* theta) {
  const ConvLayer& layer = layers_[block];
  for (int c = 0; c < filters_; ++c) signs_[c] = SignOfChannel(theta[layer.gamma + c]);
  kernels_.transform_weights(theta + layer.weights, signs_.get(), layer.in_channels, filters_, u_.get(), u_stride_);
  std::fill_n(moments_.get(), 2 * filters_, 0.0);
  if (block == 1 && blank_tiles_ != 0) RunBlankImage();
  const int group = group_tiles_ / layer.tiles();
  for (int first = 0; first < images_.count(); first += group) {
    RunGroup(block, first, std::min(group, images_.count() - first));
  }
  MapChannels(layer, moments_.get(), images_.statistics_images(), theta, scale_.get(), shift_.get());
}

// Tiles that no ink reaches come out the same in every image: block 2 makes them once, here.
void F32ConvNet::RunBlankImage() {
  const ConvLayer& layer = layers_[1];
  rows_.Clear();
  rows_.AddImage(blank_tiles_);
  rows_.Assign(layer);
  const int64_t row_stride = int64_t{layer.padded_side()} * filters_;
  RunFirstBlock(0, 0, padded_[1].get() + row_stride + filters_, row_stride);
  TransformInput(1, 0);
  Multiply(layer);
  for (int tile = 0; tile < layer.tiles(); ++tile) {
    if (const int row = rows_.Row(0, tile); row != TileRows::kNone) {
      TransformOutput(layer, tile, row, blank_pooled_.get(), BlankMoments(tile));
    }
  }
}

void F32ConvNet::RunGroup(int block, int first, int images) {
  const ConvLayer& layer = layers_[block];
  rows_.Clear();
  for (int i = 0; i < images; ++i) rows_.AddImage(block == 1 ? images_.InkedTiles(first + i) : TileRows::kAllTiles);
  rows_.Assign(layer);
  for (int i = 0; i < images; ++i) {
    FillPadded(block, first + i);
    TransformInput(block, i);
  }
  Multiply(layer);
  for (int i = 0; i < images; ++i) {
    const bool statistics = first + i < images_.statistics_images();
    float* pooled = pooled_.At(block, first + i);
    for (int tile = 0; tile < layer.tiles(); ++tile) {
      const int row = rows_.Row(i, tile);
      const bool blank = row == TileRows::kNone;
      if (blank) {
        CopyBlankTile(layer, tile, pooled);
      } else {
        TransformOutput(layer, tile, row, pooled, tile_moments_.get());
      }
      if (statistics) {
        kernels_.add_to_doubles(blank ? BlankMoments(tile) : tile_moments_.get(), 2 * filters_, moments_.get());
      }
    }
  }
}

// The input of a block's tiles: block 1's output is made here, the others' is mapped from their maxima.
void F32ConvNet::FillPadded(int block, int image) {
  const ConvLayer& layer = layers_[block];
  const int64_t row_stride = int64_t{layer.padded_side()} * filters_;
  float* inside = padded_[block].get() + row_stride + filters_;
  if (block == 1) return RunFirstBlock(image, images_.InkedWindows(image), inside, row_stride);
  const float* pooled = pooled_.At(block - 1, image);
  for (int y = 0; y < layer.side; ++y) {
    kernels_.normalise(pooled + int64_t{y} * layer.side * filters_, scale_.get(), shift_.get(), layer.side, filters_,
                       inside + y * row_stride);
  }
}

void F32ConvNet::TransformInput(int block, int image_in_group) {
  const ConvLayer& layer = layers_[block];
  const int64_t row_stride = int64_t{layer.padded_side()} * filters_;
  const float* padded = padded_[block].get();
  for (int tile = 0; tile < layer.tiles(); ++tile) {
    const int row = rows_.Row(image_in_group, tile);
    if (row == TileRows::kNone) continue;
    const int y = tile / layer.tile_rows;
    const int x = tile % layer.tile_rows;
    kernels_.transform_input({padded + kTileSide * (y * row_stride + x * filters_), row_stride, layer.Extent(y),
                              layer.Extent(x), filters_, v_.get() + int64_t{row} * filters_, v_stride_});
  }
}

void F32ConvNet::Multiply(const ConvLayer& layer) {
  for (int component = 0; component < kTileComponents; ++component) {
    const TileRows::Range rows = rows_.OfComponent(layer, component);
    if (rows.first == rows.end) continue;
    const int64_t offset = component * v_stride_ + int64_t{rows.first} * filters_;
    kernels_.multiply({v_.get() + offset, u_.get() + component * u_stride_, m_.get() + offset, rows.end - rows.first,
                       layer.in_channels, filters_});
  }
}

void F32ConvNet::TransformOutput(const ConvLayer& layer, int tile, int row, float* pooled, float* moments) {
  const int y = tile / layer.tile_rows;
  const int x = tile % layer.tile_rows;
  const int64_t pooled_stride = int64_t{layer.pooled_side} * filters_;
  kernels_.transform_output({m_.get() + int64_t{row} * filters_, v_stride_, layer.Extent(y), layer.Extent(x), filters_,
                             pooled + kTileSide / 2 * (y * pooled_stride + x * filters_), pooled_stride, moments,
                             moments + filters_});
}

void F32ConvNet::CopyBlankTile(const ConvLayer& layer, int tile, float* pooled) {
  const int tile_y = tile / layer.tile_rows;
  const int tile_x = tile % layer.tile_rows;
  for (int y = 0; y < layer.Extent(tile_y) / 2; ++y) {
    const int64_t offset =
        (int64_t{kTileSide / 2 * tile_y + y} * layer.pooled_side + kTileSide / 2 * tile_x) * filters_;
    std::copy_n(blank_pooled_.get() + offset, layer.Extent(tile_x) / 2 * filters_, pooled + offset);
  }
}

}  // namespace

std::unique_ptr<ConvNet> MakeF32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels) {
  return std::make_unique<F32ConvNet>(shape, kernels);
}

}  // namespace seedcast
