// The kernels against each other (bits, class F32) and against a network written naively in double.
#include "worker/kernels/convnet.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <ostream>

#include "absl/strings/str_join.h"
#include "common/digest.h"
#include "common/noise/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/kernels/bf16_tiles.h"
#include "worker/kernels/networks.h"

namespace seedcast {
namespace {

ConvNetShape Uniform(int filters, int blocks) { return ConvNetShape::Uniform(filters, blocks); }

// Widths that grow, shrink and do both; some whose blocks' depths differ in bfloat16's steps of 32.
std::vector<ConvNetShape> MixedShapes() {
  return {{{16, 32}}, {{32, 16}}, {{16, 32, 48, 64}}, {{64, 48, 32, 16}}, {{16, 80, 16, 32}}, {{48, 16, 16}}};
}

struct Case {
  ConvNetShape shape;
  int count;
  int statistics_images;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << absl::StrJoin(c.shape.filters, "/") << " filters, " << c.statistics_images << " of " << c.count << " images";
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
  int channels = 1;
  for (const int filters : shape.filters) {
    offset += int64_t{9} * channels * filters;
    for (int c = 0; c < filters; c += 3) theta[offset + c] = -theta[offset + c];
    offset += 2 * filters;
    channels = filters;
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
  for (const int filters : c.shape.filters) {
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
    for (int blocks : {1, 2, 3, 4}) cases.push_back({Uniform(filters, blocks), 5, 3});
  }
  for (int count : {1, 2, 7}) {
    for (int statistics : {1, count}) cases.push_back({Uniform(16, 4), count, statistics});
  }
  cases.push_back({Uniform(64, 4), 50, 25});
  cases.push_back({Uniform(32, 4), 50, 50});
  cases.push_back({Uniform(144, 2), 2, 1});
  for (const ConvNetShape& shape : MixedShapes()) cases.push_back({shape, 5, 3});
  cases.push_back({{{16, 32, 48, 64}}, 50, 25});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Shapes, F32Test, testing::ValuesIn(Cases()));

// Pins the bits across compilers, options and changes: whoever changes them makes old jobs impossible to verify.
TEST(F32GoldenTest, EmbeddingsKeepTheirBits) {
  const Case c{Uniform(64, 4), 7, 5};
  const std::vector<float> embeddings = Embed(Reference(), c, Theta(c.shape));
  EXPECT_EQ(ToHex(Sha256().Floats(embeddings).Finish()),
            "3ac060cf3e5942cde0eae1f345e9207b18a7c99c42ec942fcc74fba5a6921512");
}

// ---- Classes of bfloat16
// -----------------------------------------------------------------------------------------------

// The tile registers of AMX and what its six instructions do to them.
struct EmulatedTiles {
  struct Tile {
    char rows[16][64];
  };
  static inline thread_local Tile tiles[8];

  static void Configure() {}
  static void Release() {}
  template <int kTile>
  static void Zero() {
    tiles[kTile] = {};
  }
  template <int kTile>
  static void Load(const void* from, int64_t row_bytes) {
    for (int row = 0; row < 16; ++row) {
      std::memcpy(tiles[kTile].rows[row], static_cast<const char*>(from) + row * row_bytes, 64);
    }
  }
  template <int kTile>
  static void Store(void* to, int64_t row_bytes) {
    for (int row = 0; row < 16; ++row) {
      std::memcpy(static_cast<char*>(to) + row * row_bytes, tiles[kTile].rows[row], 64);
    }
  }
  template <int kSum, int kA, int kB>
  static void Dot() {
    for (int row = 0; row < 16; ++row) {
      float sums[16];
      std::memcpy(sums, tiles[kSum].rows[row], 64);
      for (int k = 0; k < 32; ++k) {
        for (int column = 0; column < 16; ++column) {
          sums[column] += Value(kA, row, k) * Value(kB, k / 2, 2 * column + k % 2);
        }
      }
      std::memcpy(tiles[kSum].rows[row], sums, 64);
    }
  }
  static float Value(int tile, int row, int i) {
    uint16_t half;
    std::memcpy(&half, tiles[tile].rows[row] + 2 * i, 2);
    return std::bit_cast<float>(uint32_t{half} << 16);
  }
};

constexpr Bf16Kernels kEmulated = {EmulatedTiles::Configure, MultiplyWithTiles<EmulatedTiles>, EmulatedTiles::Release};

std::vector<ConvNetKernels> Bf16KernelsHere() {
  std::vector<ConvNetKernels> kernels = KernelsOf(v1::BF16_AMX);
  for (const ConvNetKernels& k : KernelsOf(v1::BF16_AVX512)) kernels.push_back(k);
  kernels.push_back({"emulated", v1::BF16_AMX,
                     [](const ConvNetShape& shape) { return MakeBf16ConvNet(shape, kAvx2F32Kernels, kEmulated); }});
  return kernels;
}

// Root mean square of the difference relative to that of the expected embeddings.
template <typename Expected>
double MeanError(const std::vector<float>& actual, const std::vector<Expected>& expected) {
  double differences = 0;
  double squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    differences += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    squares += expected[i] * expected[i];
  }
  return std::sqrt(differences / squares);
}

class Bf16Test : public testing::TestWithParam<Case> {};

// A bfloat16 has 8 significant bits: roundings of up to 1/512 of inputs and weights, over three layers.
TEST_P(Bf16Test, IsTheNetworkOfTheDefinitionButForTheRounding) {
  const std::vector<float> theta = Theta(GetParam().shape);
  const std::vector<double> expected = NaiveEmbed(GetParam(), theta);
  for (const ConvNetKernels& kernels : Bf16KernelsHere()) {
    EXPECT_LT(MeanError(Embed(kernels, GetParam(), theta), expected), 0.015) << kernels.name;
  }
}

// Kinds of unit differ in the order of float32 sums only; a sum that lands on the other side of a tie moves the next
// layer's input by one bfloat16 step.
TEST_P(Bf16Test, KindsOfUnitAgreeFarCloserThanTheirRounding) {
  const std::vector<float> theta = Theta(GetParam().shape);
  const std::vector<float> expected = Embed(Bf16KernelsHere().back(), GetParam(), theta);
  for (const ConvNetKernels& kernels : Bf16KernelsHere()) {
    EXPECT_LT(MeanError(Embed(kernels, GetParam(), theta), expected), 0.0005) << kernels.name;
  }
}

std::vector<Case> Bf16Cases() {
  std::vector<Case> cases = {{Uniform(16, 1), 3, 2}, {Uniform(16, 2), 3, 2}, {Uniform(16, 4), 5, 5},
                             {Uniform(32, 3), 2, 1}, {Uniform(48, 4), 4, 2}, {Uniform(64, 4), 7, 5},
                             {Uniform(80, 4), 3, 3}};
  for (const ConvNetShape& shape : MixedShapes()) cases.push_back({shape, 4, 3});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bf16Test, testing::ValuesIn(Bf16Cases()));

class EachKernelTest : public testing::TestWithParam<ConvNetKernels> {};

TEST_P(EachKernelTest, ANetworkCanBeUsedAgainForOtherImagesAndParameters) {
  const ConvNetShape shape = Uniform(32, 4);
  const std::vector<uint8_t> few = Characters(3, 1);
  const std::vector<uint8_t> many = Characters(9, 2);
  const std::vector<float> theta = Theta(shape, 1);
  std::unique_ptr<ConvNet> net = GetParam().make(shape);
  net->SetImages(few, 3, 2);
  const std::vector<float> first = Embed(*net, shape, 3, theta);
  Embed(*net, shape, 3, Theta(shape, 2));
  EXPECT_TRUE(SameBits(Embed(*net, shape, 3, theta), first));
  net->SetImages(many, 9, 9);
  Embed(*net, shape, 9, theta);
  net->SetImages(few, 3, 2);
  EXPECT_TRUE(SameBits(Embed(*net, shape, 3, theta), first));
}

// What one block leaves in the scratch memory that others use must not reach them.
TEST_P(EachKernelTest, ParametersThatAreNotFiniteLeaveNothingBehind) {
  for (const ConvNetShape& shape : MixedShapes()) {
    std::unique_ptr<ConvNet> net = GetParam().make(shape);
    net->SetImages(Characters(3), 3, 2);
    const std::vector<float> before = Embed(*net, shape, 3, Theta(shape));
    Embed(*net, shape, 3, std::vector<float>(shape.num_parameters(), std::numeric_limits<float>::quiet_NaN()));
    EXPECT_TRUE(SameBits(Embed(*net, shape, 3, Theta(shape)), before));
  }
}

TEST_P(EachKernelTest, ImagesOutsideTheStatisticsDoNotTouchTheOthers) {
  const ConvNetShape shape = Uniform(16, 4);
  std::vector<uint8_t> pixels = Characters(6);
  std::unique_ptr<ConvNet> net = GetParam().make(shape);
  net->SetImages(pixels, 6, 4);
  std::vector<float> before = Embed(*net, shape, 6, Theta(shape));
  std::fill(pixels.begin() + 5 * kImagePixels, pixels.end(), kPixelMax);
  net->SetImages(pixels, 6, 4);
  std::vector<float> after = Embed(*net, shape, 6, Theta(shape));
  before.resize(5 * shape.embedding_size());
  after.resize(5 * shape.embedding_size());
  EXPECT_TRUE(SameBits(before, after));
}

TEST_P(EachKernelTest, TheSameImageHasTheSameEmbeddingWhereverItStands) {
  const ConvNetShape shape = Uniform(16, 4);
  std::vector<uint8_t> pixels = Characters(8);
  std::copy_n(pixels.begin(), kImagePixels, pixels.begin() + 7 * kImagePixels);
  std::unique_ptr<ConvNet> net = GetParam().make(shape);
  net->SetImages(pixels, 8, 3);
  const std::vector<float> embeddings = Embed(*net, shape, 8, Theta(shape));
  const int size = shape.embedding_size();
  EXPECT_EQ(std::memcmp(&embeddings[0], &embeddings[7 * size], size * sizeof(float)), 0);
}

TEST_P(EachKernelTest, ConstantAndCrowdedImagesAreLikeAnyOther) {
  const ConvNetShape shape = Uniform(32, 4);
  std::vector<uint8_t> pixels(4 * kImagePixels, 0);  // blank, full, half, noise
  std::fill_n(pixels.begin() + kImagePixels, kImagePixels, kPixelMax);
  std::fill_n(pixels.begin() + 2 * kImagePixels, kImagePixels / 2, kPixelMax);
  PhiloxStream stream(1, 0, 0, 99);
  for (int i = 0; i < kImagePixels; ++i) pixels[3 * kImagePixels + i] = static_cast<uint8_t>(stream.Below(kPixelMax));
  for (int statistics : {1, 4}) {
    std::unique_ptr<ConvNet> net = GetParam().make(shape);
    net->SetImages(pixels, 4, statistics);
    const std::vector<float> embeddings = Embed(*net, shape, 4, Theta(shape));
    EXPECT_TRUE(std::all_of(embeddings.begin(), embeddings.end(), [](float x) { return std::isfinite(x); }));
    if (GetParam().numeric_class != v1::F32) continue;
    std::unique_ptr<ConvNet> reference = Reference().make(shape);
    reference->SetImages(pixels, 4, statistics);
    EXPECT_TRUE(SameBits(embeddings, Embed(*reference, shape, 4, Theta(shape))));
  }
}

TEST_P(EachKernelTest, ParametersThatAreNotFiniteGiveEmbeddingsThatAreNot) {
  const ConvNetShape shape = Uniform(16, 3);
  for (float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (int64_t where : {int64_t{5}, int64_t{9 * 16}, int64_t{1000}, shape.num_parameters() - 20}) {
      std::vector<float> theta = Theta(shape);
      theta[where] = poison;
      const std::vector<float> embeddings = Embed(GetParam(), {shape, 4, 2}, theta);
      EXPECT_FALSE(std::all_of(embeddings.begin(), embeddings.end(), [](float x) { return std::isfinite(x); }))
          << poison << " at " << where;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Here, EachKernelTest, testing::ValuesIn(AvailableConvNetKernels()),
                         [](const auto& test) { return test.param.name; });

// ---- Shapes, dispatch, initial theta
// ---------------------------------------------------------------------------------

TEST(ConvNetShapeTest, CountsParametersAndEmbeddings) {
  EXPECT_EQ((Uniform(64, 4).num_parameters()), 111680);
  EXPECT_EQ((Uniform(64, 4).embedding_size()), 64);
  EXPECT_EQ((Uniform(16, 3).embedding_size()), 16 * 9);
  EXPECT_EQ((Uniform(16, 2).embedding_size()), 16 * 49);
  EXPECT_EQ((Uniform(16, 1).embedding_size()), 16 * 196);
  EXPECT_EQ((Uniform(16, 1).num_parameters()), 9 * 16 + 32);
  const ConvNetShape mixed{{16, 32, 64}};
  EXPECT_EQ(mixed.blocks(), 3);
  EXPECT_EQ(mixed.num_parameters(), 9 * (16 + 16 * 32 + 32 * 64) + 2 * (16 + 32 + 64));
  EXPECT_EQ(mixed.embedding_size(), 9 * 64);
}

TEST(KernelsTest, TheScalarReferenceRunsAnywhereAndIsLast) {
  EXPECT_EQ(Reference().name, "scalar");
  ASSERT_NE(BestConvNetKernels(v1::F32), nullptr);
  EXPECT_EQ(BestConvNetKernels(v1::F32)->name, AvailableConvNetKernels().front().name);
  EXPECT_EQ(BestConvNetKernels(v1::NUMERIC_CLASS_UNSPECIFIED), nullptr);
}

TEST(InitialConvNetThetaTest, HasHeVarianceGammaOneAndBetaZero) {
  const ConvNetShape shape = Uniform(64, 2);
  const std::vector<float> theta = InitialConvNetTheta(shape, 7);
  ASSERT_EQ(static_cast<int64_t>(theta.size()), shape.num_parameters());
  const auto second = theta.begin() + 9 * 64 + 128;
  double sum = 0;
  double squares = 0;
  const int n = 9 * 64 * 64;
  for (auto i = second; i != second + n; ++i) {
    sum += *i;
    squares += *i * *i;
  }
  EXPECT_NEAR(sum / n, 0, 0.002);
  EXPECT_NEAR(squares / n, 2.0 / (9 * 64), 1e-4);
  EXPECT_THAT(std::vector<float>(theta.end() - 128, theta.end() - 64), testing::Each(1.0f));
  EXPECT_THAT(std::vector<float>(theta.end() - 64, theta.end()), testing::Each(0.0f));
}

TEST(InitialConvNetThetaTest, IsAFunctionOfTheSeed) {
  const ConvNetShape shape = Uniform(16, 2);
  EXPECT_EQ(InitialConvNetTheta(shape, 1), InitialConvNetTheta(shape, 1));
  EXPECT_NE(InitialConvNetTheta(shape, 1), InitialConvNetTheta(shape, 2));
  EXPECT_EQ(ToHex(Sha256().Floats(InitialConvNetTheta(shape, 1)).Finish()),
            "023c8b51ab90eb5081a212679a29af65b9f1668db2af421ad475141df03e12ea");
}

}  // namespace
}  // namespace seedcast
