#include "common/math/elementary.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "common/digest.h"

namespace seedcast {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// |value - exact| in units of the last place of the exact value.
template <typename Real>
double Ulps(Real value, long double exact) {
  const Real rounded = static_cast<Real>(exact);
  if (value == rounded) return 0;
  const Real ulp = std::nextafter(std::fabs(rounded), std::numeric_limits<Real>::infinity()) - std::fabs(rounded);
  return static_cast<double>(std::fabs((static_cast<long double>(value) - exact) / ulp));
}

template <typename Real>
double LargestError(Real low, Real high, Real (*function)(Real), long double (*exact)(long double)) {
  std::mt19937_64 generator(7);
  std::uniform_real_distribution<Real> uniform(low, high);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const Real x = uniform(generator);
    worst = std::max(worst, Ulps(function(x), exact(x)));
  }
  return worst;
}

long double ExactExp(long double x) { return std::exp(x); }
long double ExactLog(long double x) { return std::log(x); }
long double ExactSigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double ExactTanh(long double x) { return std::tanh(x); }
long double ExactAsinh(long double x) { return std::asinh(x); }
long double ExactCosPi(long double x) { return std::cos(3.14159265358979323846264338327950288L * x); }
long double ExactSinPi(long double x) { return std::sin(3.14159265358979323846264338327950288L * x); }

TEST(ElementaryTest, ExpIsWithinItsDocumentedError) {
  EXPECT_LE(LargestError<float>(-103, 88.7f, Exp, ExactExp), 1);
  EXPECT_LE(LargestError<float>(-1, 1, Exp, ExactExp), 1);
  EXPECT_LE(LargestError<double>(-744, 709, Exp, ExactExp), 2);
  EXPECT_LE(LargestError<double>(-1, 1, Exp, ExactExp), 2);
}

TEST(ElementaryTest, LogIsWithinItsDocumentedError) {
  EXPECT_LE(LargestError<float>(0, 2, Log, ExactLog), 1);
  EXPECT_LE(LargestError<float>(0.99f, 1.01f, Log, ExactLog), 1);
  EXPECT_LE(LargestError<float>(0, 3e38f, Log, ExactLog), 1);
  EXPECT_LE(LargestError<double>(0, 2, Log, ExactLog), 2);
  EXPECT_LE(LargestError<double>(0, 1e300, Log, ExactLog), 2);
  EXPECT_LE(LargestError<float>(0, 1e-38f, Log, ExactLog), 1) << "denormals";
}

TEST(ElementaryTest, CosPiAndSinPiAreWithinTheirDocumentedError) {
  EXPECT_LE(LargestError<double>(-0.49, 0.49, CosPi, ExactCosPi), 3);
  EXPECT_LE(LargestError<double>(0.51, 1.49, CosPi, ExactCosPi), 3);
  EXPECT_LE(LargestError<double>(-0.99, 0.99, SinPi, ExactSinPi), 3);
  EXPECT_LE(LargestError<double>(1.01, 1.99, SinPi, ExactSinPi), 3);
}

TEST(ElementaryTest, SigmoidTanhAndAsinhAreWithinTheirDocumentedError) {
  EXPECT_LE(LargestError<float>(-87, 87, Sigmoid, ExactSigmoid), 3);
  EXPECT_LE(LargestError<float>(-1, 1, Sigmoid, ExactSigmoid), 3);
  EXPECT_LE(LargestError<double>(-700, 700, Sigmoid, ExactSigmoid), 3);
  for (const float range : {1e-30f, 1e-3f, 0.5f, 4.0f, 20.0f}) {
    EXPECT_LE(LargestError<float>(-range, range, Tanh, ExactTanh), 3) << range;
    EXPECT_LE(LargestError<double>(-range, range, Tanh, ExactTanh), 3) << range;
  }
  for (const float range : {1e-30f, 1e-3f, 0.5f, 4.0f, 8192.0f, 1e9f, 1e37f}) {
    EXPECT_LE(LargestError<float>(-range, range, Asinh, ExactAsinh), 3) << range;
    EXPECT_LE(LargestError<double>(-range, range, Asinh, ExactAsinh), 3) << range;
  }
}

TEST(ElementaryTest, EdgesOfSigmoidTanhAndAsinh) {
  EXPECT_EQ(Sigmoid(0.0f), 0.5f);
  EXPECT_EQ(Sigmoid(kInf), 1.0f);
  EXPECT_EQ(Sigmoid(-kInf), Sigmoid(-87.0f));
  EXPECT_GT(Sigmoid(-kInf), 0.0f);
  EXPECT_TRUE(std::isnan(Sigmoid(kNaN)));
  EXPECT_EQ(Tanh(kInf), 1.0f);
  EXPECT_EQ(Tanh(-kInf), -1.0f);
  EXPECT_EQ(Tanh(-20.0), -1.0);
  EXPECT_EQ(Tanh(1e-40f), 1e-40f);
  EXPECT_TRUE(std::signbit(Tanh(-0.0f)));
  EXPECT_TRUE(std::isnan(Tanh(kNaN)));
  EXPECT_EQ(Asinh(0.0f), 0.0f);
  EXPECT_EQ(Asinh(kInf), kInf);
  EXPECT_EQ(Asinh(-kInf), -kInf);
  EXPECT_EQ(Asinh(-1e4f), -Asinh(1e4f));
  EXPECT_NEAR(Asinh(std::numeric_limits<float>::max()), 89.416, 1e-3);
  EXPECT_TRUE(std::isnan(Asinh(kNaN)));
}

TEST(ElementaryTest, EdgesOfExp) {
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(kInf), kInf);
  EXPECT_EQ(Exp(-kInf), 0.0f);
  EXPECT_EQ(Exp(88.8f), kInf);
  EXPECT_EQ(Exp(1e30f), kInf);
  EXPECT_EQ(Exp(-104.5f), 0.0f);
  EXPECT_EQ(Exp(-103.0f), std::numeric_limits<float>::denorm_min());
  EXPECT_TRUE(std::isnan(Exp(kNaN)));
  EXPECT_EQ(Exp(711.0), std::numeric_limits<double>::infinity());
  EXPECT_EQ(Exp(-800.0), 0.0);
}

TEST(ElementaryTest, EdgesOfLog) {
  EXPECT_EQ(Log(1.0f), 0.0f);
  EXPECT_EQ(Log(0.0f), -kInf);
  EXPECT_EQ(Log(-0.0f), -kInf);
  EXPECT_TRUE(std::isnan(Log(-1.0f)));
  EXPECT_TRUE(std::isnan(Log(-kInf)));
  EXPECT_EQ(Log(kInf), kInf);
  EXPECT_TRUE(std::isnan(Log(kNaN)));
}

TEST(ElementaryTest, CosPiAndSinPiAreExactAtHalves) {
  EXPECT_EQ(CosPi(0), 1);
  EXPECT_EQ(CosPi(0.5), 0);
  EXPECT_EQ(CosPi(1), -1);
  EXPECT_EQ(CosPi(-3.5), 0);
  EXPECT_EQ(CosPi(1e15), 1);
  EXPECT_EQ(SinPi(0.5), 1);
  EXPECT_EQ(SinPi(-0.5), -1);
  EXPECT_EQ(SinPi(1.5), -1);
  EXPECT_EQ(SinPi(2), 0);
  EXPECT_TRUE(std::isnan(CosPi(std::numeric_limits<double>::infinity())));
}

TEST(ElementaryTest, PowIntegerMultipliesInBinaryOrder) {
  EXPECT_EQ(PowInteger(0.5, 10), 0x1p-10);
  EXPECT_EQ(PowInteger(3, 0), 1);
  EXPECT_EQ(PowInteger(0.9, 1), 0.9);
  const double square = 0.9 * 0.9;
  EXPECT_EQ(PowInteger(0.9, 7), (0.9 * square) * (square * square));
  EXPECT_EQ(PowInteger(0.999, 10'000'000), 0);
}

// Any change of these bits changes every job's digest: the numbers are pinned.
TEST(ElementaryTest, BitsAreThePinnedOnes) {
  Sha256 sha;
  for (int i = -2000; i <= 2000; ++i) {
    const float x = static_cast<float>(i) / 32;
    const double t = static_cast<double>(i) / 64;
    const float floats[] = {Exp(x), Log(std::fabs(x))};
    sha.Floats(floats);
    for (const double value : {Exp(t), Log(std::fabs(t)), CosPi(t), SinPi(t)}) sha.U64(std::bit_cast<uint64_t>(value));
  }
  EXPECT_EQ(ToHex(sha.Finish()), "82d28fa1be4921eafce6d49f72d3c609b553e13da409ad79b2d070dddaff09f9");
}

TEST(ElementaryTest, BitsOfSigmoidTanhAndAsinhAreThePinnedOnes) {
  Sha256 sha;
  for (int i = -3200; i <= 3200; ++i) {
    const float x = static_cast<float>(i) / 32;
    const double t = static_cast<double>(i) / 64;
    const float floats[] = {Sigmoid(x), Tanh(x), Asinh(x), Asinh(x * x * x)};
    sha.Floats(floats);
    for (const double value : {Sigmoid(t), Tanh(t), Asinh(t)}) sha.U64(std::bit_cast<uint64_t>(value));
  }
  EXPECT_EQ(ToHex(sha.Finish()), "24e48932e8dc83ff8b274a91aab36f0ce2232a86bf3c411fd340d35a4ec3c635");
}

}  // namespace
}  // namespace seedcast
