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

// V and M of a group of images share the second-level cache with U, which streams through it.
constexpr int kGroupBytes = 640 << 10;

// How a block's U (in_channels, filters), V (group_tiles, in_channels) and M (group_tiles, filters) lie in scratch
// memory, 36 components each.
struct ProductLayout {
  int group_tiles;   // tiles of a group of images, at most
  int64_t u_stride;  // floats between components
  int64_t v_stride;
  int64_t m_stride;

  explicit ProductLayout(const ConvLayer& layer)
      : group_tiles(std::max(16, kGroupBytes / (kTileComponents * (layer.in_channels + layer.filters) *
                                                static_cast<int>(sizeof(float))))),
        u_stride(int64_t{layer.in_channels} * layer.filters + kComponentPadding),
        v_stride(int64_t{group_tiles} * layer.in_channels + kComponentPadding),
        m_stride(int64_t{group_tiles} * layer.filters + kComponentPadding) {}
};

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
  void Multiply(int block);
  void TransformOutput(int block, int tile, int row, float* pooled, float* moments);
  void CopyBlankTile(const ConvLayer& layer, int tile, float* pooled);

  // A tile's moments are its sums, then its sums of squares.
  float* BlankMoments(int tile) { return blank_moments_.get() + tile * 2 * layers_[1].filters; }

  template <typename T>
  AlignedArray<T> Scratch(size_t count) {
    scratch_bytes_ += static_cast<int64_t>(count * sizeof(T));
    return MakeAlignedArray<T>(count);
  }

  const F32Kernels& kernels_;
  const std::vector<ConvLayer> layers_;
  const std::vector<ProductLayout> layouts_;  // by block; the first block's is not used
  int64_t scratch_bytes_ = 0;
  EpisodeImages images_;
  uint16_t blank_tiles_ = 0;  // bit t: some image has no ink in tile t of block 2
  FirstBlock first_block_;
  TileRows rows_;                      // of the group at work
  AlignedArray<float> signs_;          // (filters), of the layer at work
  AlignedArray<double> moments_;       // (2, filters), of the layer at work
  AlignedArray<float> scale_;          // (filters), of the layer before
  AlignedArray<float> shift_;          // (filters)
  AlignedArray<float> u_;              // of the layer at work, as its layout says
  AlignedArray<float> v_;              // of the group at work
  AlignedArray<float> m_;              // of the group at work
  AlignedArray<float> padded_[4];      // one image of each block's input, (side + 2, side + 2, in_channels); border 0
  AlignedArray<float> tile_moments_;   // (2, filters)
  AlignedArray<float> blank_pooled_;   // (7, 7, filters): block 2 of an image without ink
  AlignedArray<float> blank_moments_;  // (16, 2, filters)
  PooledMaxima pooled_;
};

F32ConvNet::F32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels)
    : kernels_(kernels),
      layers_(ConvLayers(shape)),
      layouts_(layers_.begin(), layers_.end()),
      first_block_(shape.filters[0]),
      pooled_(layers_) {
  if (layers_.size() == 1) return;
  const int widest = *std::max_element(shape.filters.begin(), shape.filters.end());
  signs_ = Scratch<float>(widest);
  moments_ = Scratch<double>(2 * widest);
  scale_ = Scratch<float>(widest);
  shift_ = Scratch<float>(widest);
  tile_moments_ = Scratch<float>(2 * widest);
  blank_pooled_ = Scratch<float>(size_t(layers_[1].pooled_positions()) * layers_[1].filters);
  blank_moments_ = Scratch<float>(size_t(layers_[1].tiles()) * 2 * layers_[1].filters);
  int64_t u = 0, v = 0, m = 0;
  for (size_t block = 1; block < layers_.size(); ++block) {
    u = std::max(u, layouts_[block].u_stride);
    v = std::max(v, layouts_[block].v_stride);
    m = std::max(m, layouts_[block].m_stride);
    const int side = layers_[block].padded_side();
    padded_[block] = Scratch<float>(size_t(side) * side * layers_[block].in_channels);
  }
  u_ = Scratch<float>(kTileComponents * u);
  v_ = Scratch<float>(kTileComponents * v);
  m_ = Scratch<float>(kTileComponents * m);
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
  const int64_t embedding_size = int64_t{last.pooled_positions()} * last.filters;
  if (layers_.size() == 1) {
    for (int image = 0; image < images_.count(); ++image) {
      RunFirstBlock(image, images_.InkedWindows(image), embeddings.data() + image * embedding_size,
                    int64_t{kWindowSide} * last.filters);
    }
    return;
  }
  const int blocks = static_cast<int>(layers_.size());
  for (int block = 1; block < blocks; ++block) RunLayer(block, theta.data());
  kernels_.normalise(pooled_.At(blocks - 1, 0), scale_.get(), shift_.get(), images_.count() * last.pooled_positions(),
                     last.filters, embeddings.data());
}

void F32ConvNet::RunFirstBlock(int image, int inked_windows, float* out, int64_t row_stride) {
  kernels_.first_block({images_.Padded(image), images_.Windows(image), inked_windows, first_block_.weights.data(),
                        first_block_.scale.data(), first_block_.shift.data(), layers_[0].filters, out, row_stride});
}

void F32ConvNet::RunLayer(int block, const float* theta) {
  const ConvLayer& layer = layers_[block];
  for (int c = 0; c < layer.filters; ++c) signs_[c] = SignOfChannel(theta[layer.gamma + c]);
  kernels_.transform_weights(theta + layer.weights, signs_.get(), layer.in_channels, layer.filters, u_.get(),
                             layouts_[block].u_stride);
  std::fill_n(moments_.get(), 2 * layer.filters, 0.0);
  if (block == 1 && blank_tiles_ != 0) RunBlankImage();
  const int group = layouts_[block].group_tiles / layer.tiles();
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
  const int64_t row_stride = int64_t{layer.padded_side()} * layer.in_channels;
  RunFirstBlock(0, 0, padded_[1].get() + row_stride + layer.in_channels, row_stride);
  TransformInput(1, 0);
  Multiply(1);
  for (int tile = 0; tile < layer.tiles(); ++tile) {
    if (const int row = rows_.Row(0, tile); row != TileRows::kNone) {
      TransformOutput(1, tile, row, blank_pooled_.get(), BlankMoments(tile));
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
  Multiply(block);
  for (int i = 0; i < images; ++i) {
    const bool statistics = first + i < images_.statistics_images();
    float* pooled = pooled_.At(block, first + i);
    for (int tile = 0; tile < layer.tiles(); ++tile) {
      const int row = rows_.Row(i, tile);
      const bool blank = row == TileRows::kNone;
      if (blank) {
        CopyBlankTile(layer, tile, pooled);
      } else {
        TransformOutput(block, tile, row, pooled, tile_moments_.get());
      }
      if (statistics) {
        kernels_.add_to_doubles(blank ? BlankMoments(tile) : tile_moments_.get(), 2 * layer.filters, moments_.get());
      }
    }
  }
}

// The input of a block's tiles: block 1's output is made here, the others' is mapped from their maxima.
void F32ConvNet::FillPadded(int block, int image) {
  const ConvLayer& layer = layers_[block];
  const int channels = layer.in_channels;
  const int64_t row_stride = int64_t{layer.padded_side()} * channels;
  float* inside = padded_[block].get() + row_stride + channels;
  if (block == 1) return RunFirstBlock(image, images_.InkedWindows(image), inside, row_stride);
  const float* pooled = pooled_.At(block - 1, image);
  for (int y = 0; y < layer.side; ++y) {
    kernels_.normalise(pooled + int64_t{y} * layer.side * channels, scale_.get(), shift_.get(), layer.side, channels,
                       inside + y * row_stride);
  }
}

void F32ConvNet::TransformInput(int block, int image_in_group) {
  const ConvLayer& layer = layers_[block];
  const int channels = layer.in_channels;
  const int64_t row_stride = int64_t{layer.padded_side()} * channels;
  const float* padded = padded_[block].get();
  for (int tile = 0; tile < layer.tiles(); ++tile) {
    const int row = rows_.Row(image_in_group, tile);
    if (row == TileRows::kNone) continue;
    const int y = tile / layer.tile_rows;
    const int x = tile % layer.tile_rows;
    kernels_.transform_input({padded + kTileSide * (y * row_stride + x * channels), row_stride, layer.Extent(y),
                              layer.Extent(x), channels, v_.get() + int64_t{row} * channels, layouts_[block].v_stride});
  }
}

void F32ConvNet::Multiply(int block) {
  const ConvLayer& layer = layers_[block];
  const ProductLayout& layout = layouts_[block];
  for (int component = 0; component < kTileComponents; ++component) {
    const TileRows::Range rows = rows_.OfComponent(layer, component);
    if (rows.first == rows.end) continue;
    kernels_.multiply({v_.get() + component * layout.v_stride + int64_t{rows.first} * layer.in_channels,
                       u_.get() + component * layout.u_stride,
                       m_.get() + component * layout.m_stride + int64_t{rows.first} * layer.filters,
                       rows.end - rows.first, layer.in_channels, layer.filters});
  }
}

void F32ConvNet::TransformOutput(int block, int tile, int row, float* pooled, float* moments) {
  const ConvLayer& layer = layers_[block];
  const int filters = layer.filters;
  const int y = tile / layer.tile_rows;
  const int x = tile % layer.tile_rows;
  const int64_t pooled_stride = int64_t{layer.pooled_side} * filters;
  kernels_.transform_output({m_.get() + int64_t{row} * filters, layouts_[block].m_stride, layer.Extent(y),
                             layer.Extent(x), filters, pooled + kTileSide / 2 * (y * pooled_stride + x * filters),
                             pooled_stride, moments, moments + filters});
}

void F32ConvNet::CopyBlankTile(const ConvLayer& layer, int tile, float* pooled) {
  const int tile_y = tile / layer.tile_rows;
  const int tile_x = tile % layer.tile_rows;
  for (int y = 0; y < layer.Extent(tile_y) / 2; ++y) {
    const int64_t offset =
        (int64_t{kTileSide / 2 * tile_y + y} * layer.pooled_side + kTileSide / 2 * tile_x) * layer.filters;
    std::copy_n(blank_pooled_.get() + offset, layer.Extent(tile_x) / 2 * layer.filters, pooled + offset);
  }
}

}  // namespace

std::unique_ptr<ConvNet> MakeF32ConvNet(const ConvNetShape& shape, const F32Kernels& kernels) {
  return std::make_unique<F32ConvNet>(shape, kernels);
}

}  // namespace seedcast
