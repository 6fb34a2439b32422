// Classes BF16_AMX and BF16_AVX512: block 1 as in class F32; then direct convolutions whose inputs and weights are
// rounded to bfloat16 (to nearest, ties to even) and whose sums are float32. Normalisation is float32, its moments a
// chain over the positions of an image, added up in double over images.
//
// Winograd's transforms would cost more bits than bfloat16 has, so a tile unit has to be three times as fast as the FMA
// units before this pays: AMX is, AVX512_BF16 (twice) is not, and class F32 is the faster one there.
#include <algorithm>
#include <bit>
#include <cmath>

#include "worker/kernels/aligned.h"
#include "worker/kernels/first_block.h"
#include "worker/kernels/layers.h"
#include "worker/kernels/networks.h"
#include "worker/kernels/pooled_maxima.h"

namespace seedcast {
namespace {

inline uint16_t RoundToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  const uint32_t nan = bits >> 16 | 0x40;  // rounding could carry a NaN to infinity
  return static_cast<uint16_t>((bits & 0x7FFFFFFF) > 0x7F800000 ? nan : rounded);
}

int RoundUp(int value, int step) { return (value + step - 1) / step * step; }

// A layer's input channels in whole steps of the product; those beyond in_channels stay 0.
int Depth(const ConvLayer& layer) { return RoundUp(layer.in_channels, kBf16Depth); }

// Rows of the product for one image: from its first position to its last, in whole tiles.
int ProductRows(const ConvLayer& layer) {
  return RoundUp(layer.padded_side() * (layer.side - 1) + layer.side, kBf16Rows);
}

class Bf16ConvNet : public ConvNet {
 public:
  Bf16ConvNet(const ConvNetShape& shape, const F32Kernels& f32, const Bf16Kernels& bf16);

  void SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) override;
  void Embed(absl::Span<const float> theta, absl::Span<float> embeddings) override;
  int64_t ScratchBytes() const override { return scratch_bytes_ + pooled_.bytes() + images_.Bytes(); }

 private:
  void RunFirstBlock(int image, float* out);
  void RunLayer(int block, const float* theta);
  void PackWeights(int block, const float* theta);
  void FillPadded(int block, int image);
  void Pool(const ConvLayer& layer, float* pooled) const;
  void AddMoments(const ConvLayer& layer);

  const float* Output(const ConvLayer& layer, int y, int x) const {
    return output_.get() + (int64_t{y} * layer.padded_side() + x) * layer.filters;
  }

  template <typename T>
  AlignedArray<T> Scratch(size_t count) {
    scratch_bytes_ += static_cast<int64_t>(count * sizeof(T));
    return MakeAlignedArray<T>(count);
  }

  const F32Kernels& f32_;
  const Bf16Kernels& bf16_;
  const std::vector<ConvLayer> layers_;
  int64_t scratch_bytes_ = 0;
  EpisodeImages images_;
  FirstBlock first_block_;
  AlignedArray<uint16_t> weights_[4];  // each block's tiles
  AlignedArray<uint16_t> padded_[4];   // one image of each block's input, (side + 2, side + 2, depth) and a few rows
  AlignedArray<float> input_;          // (side, side, in_channels) of one image, before rounding
  AlignedArray<float> output_;         // (rows, filters) of one image
  AlignedArray<float> image_moments_;  // (2, filters)
  AlignedArray<double> moments_;       // (2, filters), of the layer at work
  AlignedArray<float> scale_;          // (filters), of the layer before
  AlignedArray<float> shift_;          // (filters)
  PooledMaxima pooled_;
};

Bf16ConvNet::Bf16ConvNet(const ConvNetShape& shape, const F32Kernels& f32, const Bf16Kernels& bf16)
    : f32_(f32), bf16_(bf16), layers_(ConvLayers(shape)), first_block_(shape.filters[0]), pooled_(layers_) {
  if (layers_.size() == 1) return;
  const int widest = *std::max_element(shape.filters.begin(), shape.filters.end());
  input_ = Scratch<float>(size_t{kWindows} * widest);
  output_ = Scratch<float>(size_t(ProductRows(layers_[1])) * widest);
  image_moments_ = Scratch<float>(2 * widest);
  moments_ = Scratch<double>(2 * widest);
  scale_ = Scratch<float>(widest);
  shift_ = Scratch<float>(widest);
  for (size_t block = 1; block < layers_.size(); ++block) {
    const ConvLayer& layer = layers_[block];
    const int positions = ProductRows(layer) + 2 * layer.padded_side() + 2;  // the last row's last tap
    padded_[block] = Scratch<uint16_t>(size_t(positions) * Depth(layer));
    weights_[block] = Scratch<uint16_t>(size_t{9} * Depth(layer) * layer.filters);
  }
}

void Bf16ConvNet::SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) {
  images_.Set(pixels, count, statistics_images);
  pooled_.Reserve(count);
}

void Bf16ConvNet::Embed(absl::Span<const float> theta, absl::Span<float> embeddings) {
  first_block_.Set(layers_[0], images_, theta.data());
  const ConvLayer& last = layers_.back();
  if (layers_.size() == 1) {
    const int64_t embedding_size = int64_t{last.pooled_positions()} * last.filters;
    for (int image = 0; image < images_.count(); ++image) {
      RunFirstBlock(image, embeddings.data() + image * embedding_size);
    }
    return;
  }
  const int blocks = static_cast<int>(layers_.size());
  bf16_.begin();
  for (int block = 1; block < blocks; ++block) RunLayer(block, theta.data());
  bf16_.end();
  f32_.normalise(pooled_.At(blocks - 1, 0), scale_.get(), shift_.get(), images_.count() * last.pooled_positions(),
                 last.filters, embeddings.data());
}

void Bf16ConvNet::RunFirstBlock(int image, float* out) {
  f32_.first_block({images_.Padded(image), images_.Windows(image), images_.InkedWindows(image),
                    first_block_.weights.data(), first_block_.scale.data(), first_block_.shift.data(),
                    layers_[0].filters, out, int64_t{kWindowSide} * layers_[0].filters});
}

void Bf16ConvNet::RunLayer(int block, const float* theta) {
  const ConvLayer& layer = layers_[block];
  PackWeights(block, theta);
  std::fill_n(moments_.get(), 2 * layer.filters, 0.0);
  for (int image = 0; image < images_.count(); ++image) {
    FillPadded(block, image);
    bf16_.multiply({padded_[block].get(), layer.padded_side(), Depth(layer), weights_[block].get(), layer.filters,
                    ProductRows(layer), output_.get()});
    Pool(layer, pooled_.At(block, image));
    if (image < images_.statistics_images()) AddMoments(layer);
  }
  MapChannels(layer, moments_.get(), images_.statistics_images(), theta, scale_.get(), shift_.get());
}

// Pairs of input channels side by side, as the products want them. Channels beyond the layer's are never written and
// stay 0.
void Bf16ConvNet::PackWeights(int block, const float* theta) {
  const ConvLayer& layer = layers_[block];
  const float* gamma = theta + layer.gamma;
  const int filters = layer.filters;
  const int tiles = filters / kBf16Columns;
  for (int tap = 0; tap < 9; ++tap) {
    for (int channel = 0; channel < layer.in_channels; channel += 2) {
      const float* even = theta + layer.weights + (int64_t{tap} * layer.in_channels + channel) * filters;
      const float* odd = even + filters;
      const int64_t step = int64_t{tap} * (Depth(layer) / kBf16Depth) + channel / kBf16Depth;
      for (int c = 0; c < filters; ++c) {
        uint16_t* tile = weights_[block].get() + (step * tiles + c / kBf16Columns) * kBf16TileSize;
        uint16_t* pair = tile + channel % kBf16Depth * kBf16Columns + 2 * (c % kBf16Columns);
        pair[0] = RoundToBf16(SignOfChannel(gamma[c]) * even[c]);
        pair[1] = RoundToBf16(SignOfChannel(gamma[c]) * odd[c]);
      }
    }
  }
}

// The input of a block: block 1's output is made here, the others' is mapped from their maxima.
void Bf16ConvNet::FillPadded(int block, int image) {
  const ConvLayer& layer = layers_[block];
  const int channels = layer.in_channels;
  if (block == 1) {
    RunFirstBlock(image, input_.get());
  } else {
    f32_.normalise(pooled_.At(block - 1, image), scale_.get(), shift_.get(), layer.side * layer.side, channels,
                   input_.get());
  }
  for (int y = 0; y < layer.side; ++y) {
    for (int x = 0; x < layer.side; ++x) {
      const float* from = input_.get() + (int64_t{y} * layer.side + x) * channels;
      uint16_t* to = padded_[block].get() + (int64_t{y + 1} * layer.padded_side() + x + 1) * Depth(layer);
      for (int c = 0; c < channels; ++c) to[c] = RoundToBf16(from[c]);
    }
  }
}

void Bf16ConvNet::Pool(const ConvLayer& layer, float* pooled) const {
  const int filters = layer.filters;
  const auto max = [](float a, float b) { return a > b ? a : b; };
  for (int y = 0; y < layer.pooled_side; ++y) {
    for (int x = 0; x < layer.pooled_side; ++x, pooled += filters) {
      const float* upper = Output(layer, 2 * y, 2 * x);
      const float* lower = Output(layer, 2 * y + 1, 2 * x);
      for (int c = 0; c < filters; ++c) {
        pooled[c] = max(max(upper[c], upper[c + filters]), max(lower[c], lower[c + filters]));
      }
    }
  }
}

void Bf16ConvNet::AddMoments(const ConvLayer& layer) {
  const int filters = layer.filters;
  float* sum = image_moments_.get();
  float* sum_of_squares = sum + filters;
  std::fill_n(sum, 2 * filters, 0.0f);
  for (int y = 0; y < layer.side; ++y) {
    for (int x = 0; x < layer.side; ++x) {
      const float* values = Output(layer, y, x);
      for (int c = 0; c < filters; ++c) {
        sum[c] += values[c];
        sum_of_squares[c] = std::fma(values[c], values[c], sum_of_squares[c]);
      }
    }
  }
  f32_.add_to_doubles(sum, 2 * filters, moments_.get());
}

}  // namespace

std::unique_ptr<ConvNet> MakeBf16ConvNet(const ConvNetShape& shape, const F32Kernels& f32, const Bf16Kernels& bf16) {
  return std::make_unique<Bf16ConvNet>(shape, f32, bf16);
}

}  // namespace seedcast
