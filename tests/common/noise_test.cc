#include "common/noise/noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/noise/philox.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr NoiseDistribution kBoth[] = {NoiseDistribution::kPopcount, NoiseDistribution::kSign};
constexpr NoiseKey kKey = {0x0123456789ABCDEF, 7, 11};

// Restores the instruction set that the program chose.
class NoiseTest : public ::testing::Test {
 protected:
  ~NoiseTest() override { SetNoiseIsa(chosen_); }

  // The instruction sets of this machine beside the scalar specification.
  std::vector<const char*> FastIsas() const {
    std::vector<const char*> isas;
    for (const char* isa : {"avx2", "avx512"}) {
      if (SetNoiseIsa(isa)) isas.push_back(isa);
    }
    return isas;
  }

 private:
  const char* const chosen_ = NoiseIsa();
};

std::vector<int8_t> Draw(NoiseDistribution distribution, const NoiseKey& key, size_t size) {
  std::vector<int8_t> noise(size);
  DrawNoise(distribution, key, absl::MakeSpan(noise));
  return noise;
}

// Numbers of all sizes and signs, the same everywhere.
std::vector<float> SomeTheta(size_t size) {
  PhiloxStream stream(3, 0, 0, 9);
  std::vector<float> theta(size);
  for (float& value : theta) value = (stream.Uniform() - 0.5f) * (stream.Next() % 8 == 0 ? 100.0f : 0.1f);
  return theta;
}

TEST(PhiloxTest, GivesThePublishedVectors) {
  EXPECT_THAT(Philox({0, 0, 0, 0}, 0), ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(Philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822),
              ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
  EXPECT_THAT(Philox({1, 2, 3, 4}, uint64_t{6} << 32 | 5), ElementsAre(0xc0c839bc, 0x889c87c5, 0x61986739, 0x2d4623d0));
  EXPECT_THAT(Philox({0, 0, 7, 0}, 42), ElementsAre(0x67ee6f2c, 0xe55410cc, 0x6c7eca35, 0x557398d3));
}

TEST(PhiloxTest, BelowStaysBelowAndReachesEveryValue) {
  PhiloxStream stream(1, 2, 3, 4);
  std::vector<int> seen(7);
  for (int i = 0; i < 7000; ++i) ++seen.at(stream.Below(7));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
}

// The layout, from noise.h word by word.
TEST_F(NoiseTest, PopcountTakesTheDocumentedHalf) {
  const std::vector<int8_t> noise = Draw(NoiseDistribution::kPopcount, kKey, 512);
  for (uint32_t i = 0; i < noise.size(); ++i) {
    const uint32_t group = i / 128, half = i % 128 / 16, b = i % 16;
    const PhiloxBlock block = Philox({16 * group + b, kKey.pair, kKey.generation, 0}, kKey.seed);
    const uint32_t bits = half % 2 == 0 ? block[half / 2] & 0xFFFF : block[half / 2] >> 16;
    ASSERT_EQ(noise[i], __builtin_popcount(bits) - 8) << "parameter " << i;
  }
}

TEST_F(NoiseTest, SignTakesTheDocumentedBit) {
  const std::vector<int8_t> noise = Draw(NoiseDistribution::kSign, kKey, 5000);
  for (uint32_t i = 0; i < noise.size(); ++i) {
    const uint32_t group = i / 2048, word = i % 2048 / 512, bit = i % 512 / 16, b = i % 16;
    const PhiloxBlock block = Philox({16 * group + b, kKey.pair, kKey.generation, 0}, kKey.seed);
    ASSERT_EQ(noise[i], (block[word] >> bit & 1) != 0 ? -1 : 1) << "parameter " << i;
  }
}

class NoiseSizesTest : public NoiseTest, public ::testing::WithParamInterface<size_t> {};

TEST_P(NoiseSizesTest, EveryInstructionSetDrawsAsTheScalarOne) {
  for (const NoiseDistribution distribution : kBoth) {
    ASSERT_TRUE(SetNoiseIsa("scalar"));
    const std::vector<int8_t> expected = Draw(distribution, kKey, GetParam());
    for (const char* isa : FastIsas()) {
      ASSERT_TRUE(SetNoiseIsa(isa));
      EXPECT_EQ(Draw(distribution, kKey, GetParam()), expected) << isa;
    }
  }
}

TEST_P(NoiseSizesTest, EveryInstructionSetPerturbsAsTheScalarOne) {
  const std::vector<float> theta = SomeTheta(GetParam());
  for (const NoiseDistribution distribution : kBoth) {
    const float s = -NoiseScale(distribution, 0.1);
    ASSERT_TRUE(SetNoiseIsa("scalar"));
    std::vector<float> expected(theta.size());
    Perturb(theta, Draw(distribution, kKey, theta.size()), s, absl::MakeSpan(expected));
    for (const char* isa : {"scalar", "avx2", "avx512"}) {
      if (!SetNoiseIsa(isa)) continue;
      std::vector<float> member(theta.size());
      Perturb(theta, Draw(distribution, kKey, theta.size()), s, absl::MakeSpan(member));
      EXPECT_EQ(member, expected) << isa;
    }
  }
}

TEST_P(NoiseSizesTest, EveryInstructionSetAccumulatesTheNoiseItDraws) {
  constexpr int32_t kWeight = -12345;
  for (const NoiseDistribution distribution : kBoth) {
    const std::vector<int8_t> noise = Draw(distribution, kKey, 4096 + GetParam());
    for (const int64_t first : {0, 2048, 4096}) {
      std::vector<int64_t> expected(GetParam(), 5);
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += kWeight * noise[first + i];
      for (const char* isa : {"scalar", "avx2", "avx512"}) {
        if (!SetNoiseIsa(isa)) continue;
        std::vector<int64_t> sum(GetParam(), 5);
        AccumulatePairs(distribution, kKey, {kWeight}, first, absl::MakeSpan(sum));
        EXPECT_EQ(sum, expected) << isa << " from " << first;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AwkwardSizes, NoiseSizesTest,
                         ::testing::Values(0, 1, 7, 8, 15, 16, 17, 127, 128, 129, 255, 1000, 2047, 2048, 2049, 4095,
                                           5000));

TEST_F(NoiseTest, AccumulatesManyPairsWithoutOverflow) {
  constexpr size_t kSize = 300;
  constexpr int32_t kLargest = 1 << 27;
  std::vector<int32_t> weights;
  for (int p = 0; p < 40; ++p) weights.push_back(p % 7 == 3 ? 0 : (p % 2 == 0 ? kLargest : 3 - kLargest));
  for (const NoiseDistribution distribution : kBoth) {
    std::vector<int64_t> expected(kSize);
    NoiseKey key = kKey;
    for (const int32_t weight : weights) {
      const std::vector<int8_t> noise = Draw(distribution, key, kSize);
      for (size_t i = 0; i < kSize; ++i) expected[i] += int64_t{weight} * noise[i];
      ++key.pair;
    }
    std::vector<int64_t> sum(kSize);
    AccumulatePairs(distribution, kKey, weights, 0, absl::MakeSpan(sum));
    EXPECT_EQ(sum, expected);
  }
}

struct Moments {
  double mean = 0, variance = 0, kurtosis = 0;
};

Moments MomentsOf(const std::vector<int8_t>& noise) {
  double sums[5] = {};
  for (const double n : noise) {
    sums[1] += n;
    sums[2] += n * n;
    sums[4] += n * n * n * n;
  }
  const double count = static_cast<double>(noise.size());
  const double variance = sums[2] / count;
  return {sums[1] / count, variance, sums[4] / count / (variance * variance)};
}

TEST_F(NoiseTest, HasTheDocumentedMoments) {
  const Moments popcount = MomentsOf(Draw(NoiseDistribution::kPopcount, kKey, 1 << 20));
  EXPECT_NEAR(popcount.mean, 0, 0.01);  // five standard errors
  EXPECT_NEAR(popcount.variance, 4, 0.03);
  EXPECT_NEAR(popcount.kurtosis, 2.875, 0.03);
  const Moments sign = MomentsOf(Draw(NoiseDistribution::kSign, kKey, 1 << 20));
  EXPECT_NEAR(sign.mean, 0, 0.005);
  EXPECT_EQ(sign.variance, 1);
}

TEST_F(NoiseTest, StreamsOfDifferentKeysAreUncorrelated) {
  constexpr size_t kSize = 1 << 18;
  const NoiseKey others[] = {{kKey.seed + 1, kKey.generation, kKey.pair},
                             {kKey.seed ^ uint64_t{1} << 32, kKey.generation, kKey.pair},
                             {kKey.seed, kKey.generation + 1, kKey.pair},
                             {kKey.seed, kKey.generation, kKey.pair + 1}};
  for (const NoiseDistribution distribution : kBoth) {
    const std::vector<int8_t> noise = Draw(distribution, kKey, kSize);
    const double variance = distribution == NoiseDistribution::kPopcount ? 4 : 1;
    for (const NoiseKey& key : others) {
      const std::vector<int8_t> other = Draw(distribution, key, kSize);
      double product = 0;
      for (size_t i = 0; i < kSize; ++i) product += noise[i] * other[i];
      EXPECT_NEAR(product / (variance * kSize), 0, 0.01);  // five standard errors
    }
  }
}

TEST_F(NoiseTest, ScaleHasSixteenSignificantBits) {
  for (const double sigma : {1e-6, 0.02, 0.1, 1.0 / 3, 1.0, 10.0}) {
    for (const NoiseDistribution distribution : kBoth) {
      const float s = NoiseScale(distribution, sigma);
      const double exact = distribution == NoiseDistribution::kPopcount ? sigma / 2 : sigma;
      EXPECT_NEAR(s, exact, exact * 0x1p-16);
      for (int n = -8; n <= 8; ++n) EXPECT_EQ(s * static_cast<float>(n), static_cast<double>(s) * n);
    }
  }
  EXPECT_EQ(NoiseScale(NoiseDistribution::kPopcount, 0.1), 52429 * 0x1p-20f);
  EXPECT_EQ(NoiseScale(NoiseDistribution::kSign, 0.1), 52429 * 0x1p-19f);
}

TEST_F(NoiseTest, RefusesAnInstructionSetThatDoesNotExist) {
  const std::string before = NoiseIsa();
  EXPECT_FALSE(SetNoiseIsa("avx1024"));
  EXPECT_EQ(NoiseIsa(), before);
}

// Golden: a change of these numbers would change every job ever run.
TEST_F(NoiseTest, GoldenVectors) {
  const std::vector<int> popcount = {-1, 2, -4, -2, -1, 1, -4, 1,  3, -2, 0, 3, -2, -1, -3, 1,
                                     -1, 1, -2, 1,  -4, 2, -1, -3, 4, 0,  1, 5, 1,  -2, -4, 1};
  const std::vector<int> sign = {1, -1, 1, 1,  1, -1, 1, -1, -1, -1, 1, -1, 1, 1,  -1, -1,
                                 1, 1,  1, -1, 1, 1,  1, 1,  1,  -1, 1, 1,  1, -1, 1,  1};
  EXPECT_THAT(Draw(NoiseDistribution::kPopcount, {42, 3, 5}, 32), ElementsAreArray(popcount));
  EXPECT_THAT(Draw(NoiseDistribution::kSign, {42, 3, 5}, 32), ElementsAreArray(sign));
}

}  // namespace
}  // namespace seedcast
