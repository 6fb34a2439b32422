#include "common/math/elementary.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>

#include "common/math/elementary_constants.h"

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

// Horner's rule, highest coefficient first.
template <typename Real, int n>
Real Polynomial(const Real (&coefficients)[n], Real x) {
  Real sum = coefficients[0];
  for (int i = 1; i < n; ++i) sum = std::fma(sum, x, coefficients[i]);
  return sum;
}

// e^r - 1 = r + r^2 (1/2 + r/6 + ...) for |r| <= ln(2)/2: the coefficients of Exp without the last two.
template <typename Traits>
typename Traits::Real ExpMinusOne(typename Traits::Real r) {
  typename Traits::Real sum = Traits::kExp[0];
  for (size_t i = 1; i + 2 < std::size(Traits::kExp); ++i) sum = std::fma(sum, r, Traits::kExp[i]);
  return std::fma(r * r, sum, r);
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
  if (m > Traits::kSqrt2) {
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

// 1 / (1 + e^-x), with x cut to where e^-x is a normal number.
template <typename Traits>
typename Traits::Real SigmoidOf(typename Traits::Real x) {
  using Real = typename Traits::Real;
  if (std::isnan(x)) return x;
  const Real y = std::clamp(-x, -Traits::kSigmoidLimit, Traits::kSigmoidLimit);
  const Real k = std::fma(y, Traits::kInverseLn2, Traits::kRounder) - Traits::kRounder;
  const Real r = std::fma(-k, Traits::kLn2Low, std::fma(-k, Traits::kLn2High, y));
  return 1 / (1 + Polynomial(Traits::kExp, r) * PowerOfTwo<Real>(static_cast<int>(k)));
}

// With y = 2|x|, e^y - 1 = (2^k - 1) + 2^k (e^r - 1) without cancellation, tanh|x| = (e^y - 1) / (e^y + 1).
template <typename Traits>
typename Traits::Real TanhOf(typename Traits::Real x) {
  using Real = typename Traits::Real;
  if (std::isnan(x)) return x;
  const Real y = 2 * std::min(std::fabs(x), Traits::kTanhLimit);
  const Real k = std::fma(y, Traits::kInverseLn2, Traits::kRounder) - Traits::kRounder;
  const Real r = std::fma(-k, Traits::kLn2Low, std::fma(-k, Traits::kLn2High, y));
  const Real power = PowerOfTwo<Real>(static_cast<int>(k));
  const Real minus_one = std::fma(power, ExpMinusOne<Traits>(r), power - 1);
  return std::copysign(minus_one / (minus_one + 2), x);
}

// asinh a = log(1 + y) for a = |x|, y = a + a^2 / (1 + sqrt(1 + a^2)). With u = 1 + y rounded, what rounding took from
// u counts in full near 1, and not at all from 2 on: log(1 + y) = log u + (y - (u - 1)) to within the last place. Large
// a: log 2a.
template <typename Traits>
typename Traits::Real AsinhOf(typename Traits::Real x) {
  using Real = typename Traits::Real;
  const Real a = std::fabs(x);
  const Real square = a * a;
  const Real y = a + square / (1 + std::sqrt(1 + square));
  const Real u = 1 + y;
  const bool large = a > Traits::kAsinhLarge;
  const Real tail = large ? Traits::kLn2 : u < 2 ? y - (u - 1) : Real{0};
  return std::copysign(LogOf<Traits>(large ? a : u) + tail, x);
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

float Exp(float x) { return ExpOf<FloatElementary>(x); }
double Exp(double x) { return ExpOf<DoubleElementary>(x); }
float Log(float x) { return LogOf<FloatElementary>(x); }
double Log(double x) { return LogOf<DoubleElementary>(x); }

float Sigmoid(float x) { return SigmoidOf<FloatElementary>(x); }
double Sigmoid(double x) { return SigmoidOf<DoubleElementary>(x); }
float Tanh(float x) { return TanhOf<FloatElementary>(x); }
double Tanh(double x) { return TanhOf<DoubleElementary>(x); }
float Asinh(float x) { return AsinhOf<FloatElementary>(x); }
double Asinh(double x) { return AsinhOf<DoubleElementary>(x); }

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
