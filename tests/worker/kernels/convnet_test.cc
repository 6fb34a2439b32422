// The kernels against each other (bits, class F32) and against a network written naively in double.
#include "worker/kernels/convnet.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>

#include "common/digest.h"
#include "common/noise/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedcast {
namespace {

struct Case {
  ConvNetShape shape;
  int count;
  int statistics_images;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.shape.filters << " filters, " << c.shape.blocks << " blocks, " << c.statistics_images << " of " << c.count
       << " images";
}

// Strokes of ink on a blank ground, as characters have them: most windows are empty.
std::vector<uint8_t> Characters(int count, uint64_t seed = 1) {
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
std::vector<float> Theta(const ConvNetShape& shape, uint64_t seed = 1) {
  std::vector<float> theta = InitialConvNetTheta(shape, seed);
  PhiloxStream stream(seed, 1, 0, 99);
  for (float& value : theta) value += 0.2f * (stream.Uniform() - 0.5f);
  int64_t offset = 0;
  for (int block = 0; block < shape.blocks; ++block) {
    offset += int64_t{9} * (block == 0 ? 1 : shape.filters) * shape.filters;
    for (int c = 0; c < shape.filters; c += 3) theta[offset + c] = -theta[offset + c];
    offset += 2 * shape.filters;
  }
  return theta;
}

std::vector<float> Embed(ConvNet& net, const ConvNetShape& shape, int count, const std::vector<float>& theta) {
  std::vector<float> embeddings(int64_t{count} * shape.embedding_size(), -1.0f);
  net.Embed(theta, absl::MakeSpan(embeddings));
  return embeddings;
}

std::vector<float> Embed(const ConvNetKernels& kernels, const Case& c, const std::vector<float>& theta) {
  std::unique_ptr<ConvNet> net = kernels.make(c.shape);
  net->SetImages(Characters(c.count), c.count, c.statistics_images);
  return Embed(*net, c.shape, c.count, theta);
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<ConvNetKernels> KernelsOf(v1::NumericClass numeric_class) {
  std::vector<ConvNetKernels> kernels;
  for (const ConvNetKernels& k : AvailableConvNetKernels()) {
    if (k.numeric_class == numeric_class) kernels.push_back(k);
  }
  return kernels;
}

const ConvNetKernels& Reference() { return AvailableConvNetKernels().back(); }

// ---- The network as its definition reads, in double ----------------------------------------------------------------

std::vector<double> Convolve(const std::vector<double>& input, int images, int side, int channels, const float* weights,
                             int filters) {
  std::vector<double> output(int64_t{images} * side * side * filters, 0.0);
  for (int position = 0; position < images * side * side; ++position) {
    const int image = position / (side * side);
    const int y = position / side % side;
    const int x = position % side;
    for (int t = 0; t < 9; ++t) {
      const int v = y + t / 3 - 1;
      const int u = x + t % 3 - 1;
      if (v < 0 || v >= side || u < 0 || u >= side) continue;
      for (int i = 0; i < channels; ++i) {
        const double value = input[((image * side + v) * side + u) * channels + i];
        for (int c = 0; c < filters; ++c) {
          output[position * int64_t{filters} + c] += value * weights[(t * channels + i) * filters + c];
        }
      }
    }
  }
  return output;
}

void NormaliseAndRectify(std::vector<double>& x, int filters, int64_t statistics_positions, const float* gamma,
                         const float* beta) {
  for (int c = 0; c < filters; ++c) {
    double mean = 0;
    double variance = 0;
    for (int64_t i = 0; i < statistics_positions; ++i) mean += x[i * filters + c] / statistics_positions;
    for (int64_t i = 0; i < statistics_positions; ++i) {
      variance += (x[i * filters + c] - mean) * (x[i * filters + c] - mean) / statistics_positions;
    }
    for (size_t i = c; i < x.size(); i += filters) {
      x[i] = std::max(0.0, gamma[c] * (x[i] - mean) / std::sqrt(variance + 1e-5) + beta[c]);
    }
  }
}

std::vector<double> Pool(const std::vector<double>& x, int images, int side, int filters) {
  const int pooled = side / 2;
  std::vector<double> output;
  for (int i = 0; i < images * pooled * pooled; ++i) {
    const int image = i / (pooled * pooled);
    const int64_t first = (image * side + 2 * (i / pooled % pooled)) * side + 2 * (i % pooled);
    for (int c = 0; c < filters; ++c) {
      output.push_back(std::max({x[first * filters + c], x[(first + 1) * filters + c], x[(first + side) * filters + c],
                                 x[(first + side + 1) * filters + c]}));
    }
  }
  return output;
}

std::vector<double> NaiveEmbed(const Case& c, const std::vector<float>& theta) {
  const std::vector<uint8_t> pixels = Characters(c.count);
  std::vector<double> x;
  for (uint8_t pixel : pixels) x.push_back(static_cast<double>(pixel) / kPixelMax);
  int side = kImageSide;
  int channels = 1;
  const float* weights = theta.data();
  const int filters = c.shape.filters;
  for (int block = 0; block < c.shape.blocks; ++block) {
    const float* gamma = weights + 9 * channels * filters;
    x = Convolve(x, c.count, side, channels, weights, filters);
    NormaliseAndRectify(x, filters, int64_t{c.statistics_images} * side * side, gamma, gamma + filters);
    x = Pool(x, c.count, side, filters);
    weights = gamma + 2 * filters;
    channels = filters;
    side /= 2;
  }
  return x;
}

// Largest error relative to the root mean square of the expected embeddings.
double RelativeError(const std::vector<float>& actual, const std::vector<double>& expected) {
  double worst = 0;
  double squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(actual[i] - expected[i]));
    squares += expected[i] * expected[i];
  }
  return worst / std::sqrt(squares / static_cast<double>(expected.size()));
}

// Winograd's F(4x4, 3x3) in float32 loses up to three or four bits against a direct sum, here over at most 3 layers.
constexpr double kWinogradBound = 1e-4;

// ---- Class F32
// -------------------------------------------------------------------------------------------------------

class F32Test : public testing::TestWithParam<Case> {};

TEST_P(F32Test, AllInstructionSetsGiveTheBitsOfTheReference) {
  const std::vector<float> theta = Theta(GetParam().shape);
  const std::vector<float> expected = Embed(Reference(), GetParam(), theta);
  for (const ConvNetKernels& kernels : KernelsOf(v1::F32)) {
    EXPECT_TRUE(SameBits(Embed(kernels, GetParam(), theta), expected)) << kernels.name;
  }
}

TEST_P(F32Test, TheReferenceIsTheNetworkOfTheDefinition) {
  const std::vector<float> theta = Theta(GetParam().shape);
  const std::vector<float> actual = Embed(Reference(), GetParam(), theta);
  EXPECT_LT(RelativeError(actual, NaiveEmbed(GetParam(), theta)), kWinogradBound);
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (int filters : {16, 32, 48, 64, 80}) {
    for (int blocks : {1, 2, 3, 4}) cases.push_back({{filters, blocks}, 5, 3});
  }
  for (int count : {1, 2, 7}) {
    for (int statistics : {1, count}) cases.push_back({{16, 4}, count, statistics});
  }
  cases.push_back({{64, 4}, 50, 25});
  cases.push_back({{32, 4}, 50, 50});
  cases.push_back({{144, 2}, 2, 1});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Shapes, F32Test, testing::ValuesIn(Cases()));

}  // namespace
}  // namespace seedcast
