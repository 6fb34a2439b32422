// Class F32 in plain scalar code: the specification. Every F32 kernel gives the bits of this file (of a NaN only that
// it is one). All arithmetic is float32 unless it says double, rounded to nearest, subnormals kept; std::fma rounds
// once. Chains of sums start at +0.
//
//   1. Channels with a negative gamma have their weights negated and gamma made positive (layers.h).
//   2. Block 1: a chain of FMAs over the nine taps in row-major order, on integer pixels; mean and variance from the
//      exact moments of the pixels, in double (first_block.cc). A window without ink counts as 0 without being summed.
//   3. Blocks 2 .. 4: Winograd's F(4x4, 3x3) with the matrices of Lavin and Gray 2015 (arXiv 1509.09308), points 0, 1,
//      -1, 2, -2 and infinity. On the way through G, B^T and A^T columns come first, then rows, each by the
//      expressions of WeightRow, InputRow and OutputRow. In between, per component, tile and filter: a chain of FMAs
//      over the input channels.
//   4. Moments of blocks 2 .. 4: per tile the sum over each column's rows, then (0 + 1) + (2 + 3) over columns, the
//      squares by FMA; positions that hang over the image count as +0. Tiles are then added in row-major order, images
//      in order, in double. variance = mean of squares - mean^2.
//   5. Maximum of each 2x2 window, then max(0, fma(x, scale, shift)) (layers.h). max(a, b) is a > b ? a : b.
#include <cmath>
#include <vector>

#include "worker/kernels/first_block.h"
#include "worker/kernels/layers.h"
#include "worker/kernels/networks.h"

namespace seedcast {
namespace {

float Max(float a, float b) { return a > b ? a : b; }

struct Row4 {
  float at[4];
};
struct Row6 {
  float at[6];
};

// G g
Row6 WeightRow(float g0, float g1, float g2) {
  const float outer = g0 + g2;
  const float even = std::fma(g2, 1.0f / 6, g0 * (1.0f / 24));
  const float odd = g1 * (1.0f / 12);
  return {g0 * 0.25f, (-1.0f / 6) * (outer + g1), (-1.0f / 6) * (outer - g1), even + odd, even - odd, g2};
}

// B^T d; a tile of extent 3 lacks point 4, one of extent 2 points 3 and 4, and their d are shorter.
Row6 InputRow(int extent, const Row6& row) {
  const float* d = row.at;
  const float e = d[3] - d[1];
  if (extent == 2) return {4.0f * (d[0] - d[2]), -3.0f * (d[1] + d[2]), 3.0f * (d[1] - d[2]), 0, 0, e};
  if (extent == 3) {
    const float f = d[3] - d[2];
    return {std::fma(4.0f, d[0] - d[2], 2.0f * e),
            3.0f * std::fma(-2.0f, d[1], f),
            std::fma(2.0f, d[1] - d[2], f),
            4.0f * e,
            0,
            std::fma(-2.0f, e, d[4] - d[2])};
  }
  const float a = std::fma(-4.0f, d[2], d[4]);
  const float b = std::fma(-4.0f, d[1], d[3]);
  const float c = d[4] - d[2];
  return {std::fma(4.0f, d[0], std::fma(-5.0f, d[2], d[4])), a + b, a - b, std::fma(2.0f, e, c), std::fma(-2.0f, e, c),
          std::fma(4.0f, d[1], std::fma(-5.0f, d[3], d[5]))};
}

// A^T m
Row4 OutputRow(int extent, const Row6& row) {
  const float* m = row.at;
  const float a = m[1] + m[2];
  const float b = m[1] - m[2];
  if (extent == 2) return {m[0] + a, b + m[5]};
  if (extent == 3) return {(m[0] + a) + m[3], std::fma(2.0f, m[3], b), std::fma(4.0f, m[3], a) + m[5]};
  const float c = m[3] + m[4];
  const float d = m[3] - m[4];
  return {(m[0] + a) + c, std::fma(2.0f, d, b), std::fma(4.0f, c, a), std::fma(8.0f, d, b) + m[5]};
}

struct Patch {  // 6x6, row-major
  float at[36];
};

Patch TransformWeights(const float g[9]) {
  Row6 columns[3];
  for (int x = 0; x < 3; ++x) columns[x] = WeightRow(g[x], g[3 + x], g[6 + x]);
  Patch u;
  for (int y = 0; y < 6; ++y) {
    const Row6 row = WeightRow(columns[0].at[y], columns[1].at[y], columns[2].at[y]);
    for (int x = 0; x < 6; ++x) u.at[6 * y + x] = row.at[x];
  }
  return u;
}

// The extents of a tile and where it starts.
struct Tile {
  int y, x;
  int rows, columns;
};

Tile TileOf(const ConvLayer& layer, int tile) {
  const int row = tile / layer.tile_rows;
  const int column = tile % layer.tile_rows;
  return {row * kTileSide, column * kTileSide, layer.Extent(row), layer.Extent(column)};
}

Patch TransformInput(const Tile& tile, const Patch& d) {
  Row6 columns[6] = {};
  for (int x = 0; x < tile.columns + 2; ++x) {
    columns[x] = InputRow(tile.rows, {d.at[x], d.at[6 + x], d.at[12 + x], d.at[18 + x], d.at[24 + x], d.at[30 + x]});
  }
  Patch v;
  for (int y = 0; y < 6; ++y) {
    Row6 row;
    for (int x = 0; x < 6; ++x) row.at[x] = columns[x].at[y];
    row = InputRow(tile.columns, row);
    for (int x = 0; x < 6; ++x) v.at[6 * y + x] = row.at[x];
  }
  return v;
}

struct OutputRows {
  Row4 rows[4];
};

OutputRows TransformOutput(const Tile& tile, const Patch& m) {
  Row4 columns[6];
  for (int x = 0; x < 6; ++x) {
    columns[x] = OutputRow(tile.rows, {m.at[x], m.at[6 + x], m.at[12 + x], m.at[18 + x], m.at[24 + x], m.at[30 + x]});
  }
  OutputRows y;
  for (int row = 0; row < 4; ++row) {
    Row6 in;
    for (int x = 0; x < 6; ++x) in.at[x] = columns[x].at[row];
    y.rows[row] = OutputRow(tile.columns, in);
  }
  return y;
}

// Activations of an episode, (count, side, side, channels).
struct Activations {
  int side;
  int channels;
  std::vector<float> values;

  float& At(int image, int y, int x, int c) { return values[((image * side + y) * side + x) * int64_t{channels} + c]; }
  // 0 outside the image.
  float Padded(int image, int y, int x, int c) const {
    if (y < 0 || y >= side || x < 0 || x >= side) return 0.0f;
    return values[((image * side + y) * side + x) * int64_t{channels} + c];
  }
};

class ReferenceConvNet : public ConvNet {
 public:
  explicit ReferenceConvNet(const ConvNetShape& shape) : layers_(ConvLayers(shape)) {}

  void SetImages(absl::Span<const uint8_t> pixels, int count, int statistics_images) override {
    images_.Set(pixels, count, statistics_images);
  }

  void Embed(absl::Span<const float> theta, absl::Span<float> embeddings) override {
    Activations activations = FirstLayer(theta.data());
    for (size_t block = 1; block < layers_.size(); ++block) {
      activations = Layer(layers_[block], activations, theta.data());
    }
    for (size_t i = 0; i < embeddings.size(); ++i) embeddings[i] = activations.values[i];
  }

  int64_t ScratchBytes() const override { return images_.Bytes(); }

 private:
  Activations Output(const ConvLayer& layer) const {
    Activations output{layer.pooled_side, layer.filters, {}};
    output.values.resize(int64_t{images_.count()} * layer.pooled_positions() * layer.filters);
    return output;
  }

  Activations FirstLayer(const float* theta) const {
    FirstBlock block(layers_[0].filters);
    block.Set(layers_[0], images_, theta);
    Activations output = Output(layers_[0]);
    for (int image = 0; image < images_.count(); ++image) {
      for (int w = 0; w < kWindows; ++w) {
        const bool inked = w < images_.InkedWindows(image);
        const int y = images_.Windows(image)[w] / kWindowSide;
        const int x = images_.Windows(image)[w] % kWindowSide;
        for (int c = 0; c < layers_[0].filters; ++c) {
          const float most = inked ? MaximumOfWindow(block, image, y, x, c) : 0.0f;
          output.At(image, y, x, c) = Max(0.0f, std::fma(most, block.scale[c], block.shift[c]));
        }
      }
    }
    return output;
  }

  float MaximumOfWindow(const FirstBlock& block, int image, int y, int x, int c) const {
    float sum[4];
    for (int o = 0; o < 4; ++o) {
      const float* patch = images_.Padded(image) + (2 * y + o / 2) * kPaddedImageSide + 2 * x + o % 2;
      sum[o] = 0.0f;
      for (int t = 0; t < 9; ++t) {
        const float pixel = patch[t / 3 * kPaddedImageSide + t % 3];
        sum[o] = std::fma(pixel, block.weights[t * layers_[0].filters + c], sum[o]);
      }
    }
    return Max(Max(sum[0], sum[1]), Max(sum[2], sum[3]));
  }

  Activations Layer(const ConvLayer& layer, const Activations& input, const float* theta) const {
    const std::vector<Patch> v = TransformedInputs(layer, input);
    Activations output = Output(layer);
    for (int c = 0; c < layer.filters; ++c) {
      const float gamma = theta[layer.gamma + c];
      const std::vector<Patch> u = TransformedWeights(layer, theta, SignOfChannel(gamma), c);
      double sum = 0;
      double sum_of_squares = 0;
      for (int image = 0; image < images_.count(); ++image) {
        for (int t = 0; t < layer.tiles(); ++t) {
          const Tile tile = TileOf(layer, t);
          const int64_t first = (int64_t{image} * layer.tiles() + t) * layer.in_channels;
          const OutputRows y = TransformOutput(tile, Products(&v[first], u));
          if (image < images_.statistics_images()) AddMoments(tile, y, &sum, &sum_of_squares);
          Pool(tile, image, c, y, &output);
        }
      }
      const double n = static_cast<double>(images_.statistics_images()) * layer.side * layer.side;
      const double mean = sum / n;
      const ChannelMap map =
          MapOfChannel(mean, sum_of_squares / n - mean * mean, kEpsilon, gamma, theta[layer.beta + c]);
      for (size_t i = c; i < output.values.size(); i += layer.filters) {
        output.values[i] = Max(0.0f, std::fma(output.values[i], map.scale, map.shift));
      }
    }
    return output;
  }

  // (count, tiles, in_channels)
  std::vector<Patch> TransformedInputs(const ConvLayer& layer, const Activations& input) const {
    std::vector<Patch> v;
    for (int image = 0; image < images_.count(); ++image) {
      for (int t = 0; t < layer.tiles(); ++t) {
        const Tile tile = TileOf(layer, t);
        for (int c = 0; c < layer.in_channels; ++c) {
          Patch d;
          for (int k = 0; k < kTileComponents; ++k) {
            d.at[k] = input.Padded(image, tile.y - 1 + k / kTilePatch, tile.x - 1 + k % kTilePatch, c);
          }
          v.push_back(TransformInput(tile, d));
        }
      }
    }
    return v;
  }

  // (in_channels), of filter c
  std::vector<Patch> TransformedWeights(const ConvLayer& layer, const float* theta, float sign, int c) const {
    std::vector<Patch> u;
    for (int channel = 0; channel < layer.in_channels; ++channel) {
      float g[9];
      for (int t = 0; t < 9; ++t) {
        g[t] = sign * theta[layer.weights + (int64_t{t} * layer.in_channels + channel) * layer.filters + c];
      }
      u.push_back(TransformWeights(g));
    }
    return u;
  }

  static Patch Products(const Patch* v, const std::vector<Patch>& u) {
    Patch m = {};
    for (size_t channel = 0; channel < u.size(); ++channel) {
      for (int k = 0; k < kTileComponents; ++k) m.at[k] = std::fma(v[channel].at[k], u[channel].at[k], m.at[k]);
    }
    return m;
  }

  static void AddMoments(const Tile& tile, const OutputRows& y, double* sum, double* sum_of_squares) {
    float first[4] = {};
    float second[4] = {};
    for (int column = 0; column < tile.columns; ++column) {
      for (int row = 0; row < tile.rows; ++row) {
        const float value = y.rows[row].at[column];
        first[column] += value;
        second[column] = std::fma(value, value, second[column]);
      }
    }
    *sum += (first[0] + first[1]) + (first[2] + first[3]);
    *sum_of_squares += (second[0] + second[1]) + (second[2] + second[3]);
  }

  static void Pool(const Tile& tile, int image, int c, const OutputRows& output, Activations* pooled) {
    for (int y = 0; y + 1 < tile.rows; y += 2) {
      for (int x = 0; x + 1 < tile.columns; x += 2) {
        const float* upper = output.rows[y].at;
        const float* lower = output.rows[y + 1].at;
        pooled->At(image, (tile.y + y) / 2, (tile.x + x) / 2, c) =
            Max(Max(upper[x], upper[x + 1]), Max(lower[x], lower[x + 1]));
      }
    }
  }

  const std::vector<ConvLayer> layers_;
  EpisodeImages images_;
};

}  // namespace

std::unique_ptr<ConvNet> MakeReferenceConvNet(const ConvNetShape& shape) {
  return std::make_unique<ReferenceConvNet>(shape);
}

}  // namespace seedcast
