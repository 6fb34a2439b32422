// The kernels against each other (bits, class F32) and against a network written naively in double.
#include <bit>
#include <cmath>
#include <cstring>

#include "common/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/worker/kernels/convnet_inputs.h"
#include "tests/worker/kernels/naive_convnet.h"
#include "worker/kernels/bf16_tiles.h"
#include "worker/kernels/networks.h"

namespace seedcast {
namespace {

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

}  // namespace
}  // namespace seedcast
