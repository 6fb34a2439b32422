#include "common/math/elementary.h"

#include <bit>
#include <cmath>
#include <limits>

namespace seedcast {
namespace {

template <typename Real>
constexpr Real kInfinity = std::numeric_limits<Real>::infinity();
template <typename Real>
constexpr Real kNaN = std::numeric_limits<Real>::quiet_NaN();

// 2^k for k in the range of normal numbers.
template <typename Real>
Real PowerOfTwo(int k);
template <>
float PowerOfTwo<float>(int k) {
  return std::bit_cast<float>(static_cast<uint32_t>(k + 127) << 23);
}
template <>
double PowerOfTwo<double>(int k) {
  return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}

// What the two precisions of one algorithm differ in. ln 2 is kLn2High + kLn2Low; the high part has trailing zeros,
// so that its product with any exponent is exact.
struct FloatTraits {
  using Real = float;
  using Bits = uint32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  static constexpr float kLn2High = 0x1.62e4p-1f;
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kInverseLn2 = 0x1.715476p0f;
  static constexpr float kRounder = 0x1.8p23f;  // adding and taking it off rounds to an integer
  static constexpr float kExpOverflow = 89.0f;
  static constexpr float kExpUnderflow = -104.0f;
  // 1/k!, highest k first.
  static constexpr float kExp[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f};
  // 2/(2k+1), highest k first, down to k = 1.
  static constexpr float kLog[] = {2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3};
};

struct DoubleTraits {
  using Real = double;
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  static constexpr double kInverseLn2 = 0x1.71547652b82fep0;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kExpOverflow = 710.0;
  static constexpr double kExpUnderflow = -746.0;
  static constexpr double kExp[] = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
      1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1.0,         1.0};
  static constexpr double kLog[] = {2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                    2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
};

// Horner's rule, highest coefficient first.
template <typename Real, int n>
Real Polynomial(const Real (&coefficients)[n], Real x) {
  Real sum = coefficients[0];
  for (int i = 1; i < n; ++i) sum = std::fma(sum, x, coefficients[i]);
  return sum;
}

// e^x = 2^k * e^r with r = x - k ln 2, |r| <= ln(2)/2, and Taylor's series for e^r.
template <typename Traits>
typename Traits::Real ExpOf(typename Traits::Real x) {
  using Real = typename Traits::Real;
  if (std::isnan(x)) return x;
  if (x > Traits::kExpOverflow) return kInfinity<Real>;
  if (x < Traits::kExpUnderflow) return 0;
  const Real k = std::fma(x, Traits::kInverseLn2, Traits::kRounder) - Traits::kRounder;
  const Real r = std::fma(-k, Traits::kLn2Low, std::fma(-k, Traits::kLn2High, x));
  // In two steps, each of which is a normal number: the second one overflows or rounds to a denormal, once.
  const int exponent = static_cast<int>(k);
  const int half = exponent / 2;
  return Polynomial(Traits::kExp, r) * PowerOfTwo<Real>(half) * PowerOfTwo<Real>(exponent - half);
}

// x = m * 2^e with m in [sqrt(1/2), sqrt(2)); with f = m - 1 and s = f / (2 + f),
// log m = 2 artanh(s) = f - s * (f - R), R = 2/3 s^2 + 2/5 s^4 + ...
template <typename Traits>
typename Traits::Real LogOf(typename Traits::Real x) {
  using Real = typename Traits::Real;
  using Bits = typename Traits::Bits;
  if (std::isnan(x) || x == kInfinity<Real>) return x;
  if (x == 0) return -kInfinity<Real>;
  if (x < 0) return kNaN<Real>;
  int exponent = 0;
  if (x < std::numeric_limits<Real>::min()) {
    x *= PowerOfTwo<Real>(Traits::kMantissaBits);
    exponent = -Traits::kMantissaBits;
  }
  const Bits bits = std::bit_cast<Bits>(x);
  const Bits mantissa_mask = (Bits{1} << Traits::kMantissaBits) - 1;
  exponent += static_cast<int>(bits >> Traits::kMantissaBits) - Traits::kBias;
  Real m = std::bit_cast<Real>((bits & mantissa_mask) | (Bits{Traits::kBias} << Traits::kMantissaBits));
  if (m > static_cast<Real>(1.41421356237309504880)) {
    m *= static_cast<Real>(0.5);
    ++exponent;
  }
  const Real f = m - 1;
  const Real s = f / (2 + f);
  const Real s2 = s * s;
  const Real remainder = s2 * Polynomial(Traits::kLog, s2);
  const Real e = static_cast<Real>(exponent);
  const Real correction = std::fma(-s, f - remainder, e * Traits::kLn2Low);
  return std::fma(e, Traits::kLn2High, f + correction);
}

constexpr double kPi = 0x1.921fb54442d18p1;

// cos(pi t) and sin(pi t) for 0 <= t <= 1/4, by Taylor's series in (pi t)^2.
double CosPiOctant(double t) {
  static constexpr double kCoefficients[] = {1.0 / 20922789888000.0,
                                             -1.0 / 87178291200.0,
                                             1.0 / 479001600,
                                             -1.0 / 3628800,
                                             1.0 / 40320,
                                             -1.0 / 720,
                                             1.0 / 24,
                                             -1.0 / 2,
                                             1.0};
  const double x = kPi * t;
  return Polynomial(kCoefficients, x * x);
}

double SinPiOctant(double t) {
  static constexpr double kCoefficients[] = {1.0 / 355687428096000.0,
                                             -1.0 / 1307674368000.0,
                                             1.0 / 6227020800.0,
                                             -1.0 / 39916800,
                                             1.0 / 362880,
                                             -1.0 / 5040,
                                             1.0 / 120,
                                             -1.0 / 6,
                                             1.0};
  const double x = kPi * t;
  return x * Polynomial(kCoefficients, x * x);
}

// cos(pi t) for 0 <= t <= 1/2.
double CosPiQuadrant(double t) { return t <= 0.25 ? CosPiOctant(t) : SinPiOctant(0.5 - t); }

}  // namespace

float Exp(float x) { return ExpOf<FloatTraits>(x); }
double Exp(double x) { return ExpOf<DoubleTraits>(x); }
float Log(float x) { return LogOf<FloatTraits>(x); }
double Log(double x) { return LogOf<DoubleTraits>(x); }

double CosPi(double t) {
  if (!std::isfinite(t)) return kNaN<double>;
  t = std::fabs(std::fmod(t, 2.0));  // exact, as are the reflections below
  if (t > 1) t = 2 - t;
  return t <= 0.5 ? CosPiQuadrant(t) : -CosPiQuadrant(1 - t);
}

double SinPi(double t) {
  if (!std::isfinite(t)) return kNaN<double>;
  t = std::fmod(t, 2.0);
  const double sign = t < 0 ? -1 : 1;
  t = std::fabs(t);
  if (t > 1) return -sign * SinPi(t - 1);
  if (t > 0.5) t = 1 - t;
  return sign * (t <= 0.25 ? SinPiOctant(t) : CosPiOctant(0.5 - t));
}

double PowInteger(double base, int64_t exponent) {
  double power = 1;
  for (double square = base; exponent > 0; exponent >>= 1, square *= square) {
    if (exponent & 1) power *= square;
  }
  return power;
}

}  // namespace seedcast
