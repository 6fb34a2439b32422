// Sixteen floats that go through a computation side by side, in two registers of the baseline instruction set. Lane l
// of a result depends on lane l of the operands alone, by one correctly rounded operation at a time, so a computation
// has the same bits on every machine; Sum is the one place where lanes meet.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace seedcast {

inline constexpr int kLanes = 16;

struct Lanes {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();

  Lanes() = default;
  Lanes(__m256 l, __m256 h) : low(l), high(h) {}
  Lanes(float x) : low(_mm256_set1_ps(x)), high(low) {}  // NOLINT: implicit on purpose, every lane is x

  static Lanes Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  void Store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }

  friend Lanes operator+(Lanes a, Lanes b) { return {a.low + b.low, a.high + b.high}; }
  friend Lanes operator-(Lanes a, Lanes b) { return {a.low - b.low, a.high - b.high}; }
  friend Lanes operator*(Lanes a, Lanes b) { return {a.low * b.low, a.high * b.high}; }
  friend Lanes operator/(Lanes a, Lanes b) { return {a.low / b.low, a.high / b.high}; }
  friend Lanes operator-(Lanes a) { return {-a.low, -a.high}; }
};

// a * b + c, rounded once.
inline Lanes Fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

// A NaN in x stays: min and max give their second operand then.
inline Lanes AtLeast(float bound, Lanes x) {
  const __m256 b = _mm256_set1_ps(bound);
  return {_mm256_max_ps(b, x.low), _mm256_max_ps(b, x.high)};
}
inline Lanes AtMost(float bound, Lanes x) {
  const __m256 b = _mm256_set1_ps(bound);
  return {_mm256_min_ps(b, x.low), _mm256_min_ps(b, x.high)};
}

inline Lanes Abs(Lanes x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.low), _mm256_andnot_ps(sign, x.high)};
}

inline Lanes OneWherePositive(Lanes x) {
  const __m256 zero = _mm256_setzero_ps(), one = _mm256_set1_ps(1.0f);
  return {_mm256_and_ps(_mm256_cmp_ps(x.low, zero, _CMP_GT_OQ), one),
          _mm256_and_ps(_mm256_cmp_ps(x.high, zero, _CMP_GT_OQ), one)};
}

inline Lanes Sqrt(Lanes x) { return {_mm256_sqrt_ps(x.low), _mm256_sqrt_ps(x.high)}; }

// Lane l + 8 onto lane l, then l + 4, l + 2, l + 1.
inline float Sum(Lanes x) {
  const __m256 eight = x.low + x.high;
  const __m128 four = _mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1);
  const __m128 two = four + _mm_movehl_ps(four, four);
  return two[0] + two[1];
}

// Horner's rule, highest coefficient first.
template <int n>
Lanes Polynomial(const float (&coefficients)[n], Lanes x) {
  Lanes sum = coefficients[0];
  for (int i = 1; i < n; ++i) sum = Fma(sum, x, coefficients[i]);
  return sum;
}

// 2^k for whole k in [-126, 127].
inline Lanes PowerOfTwo(Lanes k) {
  const auto half = [](__m256 x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127)), 23));
  };
  return {half(k.low), half(k.high)};
}

// e^x with x brought into [-87, 88] first; within 2 ulp there. NaN stays NaN.
inline Lanes Exp(Lanes x) {
  static constexpr float kTaylor[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f};
  constexpr float kRounder = 0x1.8p23f;
  x = AtMost(88.0f, AtLeast(-87.0f, x));
  const Lanes k = Fma(x, 0x1.715476p0f, kRounder) - kRounder;  // x / ln 2, rounded to a whole number
  const Lanes r = Fma(-k, 0x1.7f7d1cp-20f, Fma(-k, 0x1.62e4p-1f, x));
  return Polynomial(kTaylor, r) * PowerOfTwo(k);
}

// 1 / (1 + e^-x). NaN stays NaN.
inline Lanes Sigmoid(Lanes x) { return Lanes(1.0f) / (Lanes(1.0f) + Exp(-x)); }

// log(1 + t) for t in [-1/2, 1]: 2 artanh(t / (2 + t)).
inline Lanes Log1p(Lanes t) {
  static constexpr float kArtanh[] = {2.0f / 15, 2.0f / 13, 2.0f / 11, 2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3, 2.0f};
  const Lanes s = t / (Lanes(2.0f) + t);
  return s * Polynomial(kArtanh, s * s);
}

// Natural logarithm of positive normal numbers: x = m 2^e with m in (sqrt(1/2), sqrt(2)], log x = e ln 2 + log m.
inline Lanes LogOfNormal(Lanes x) {
  const auto split = [](__m256 v, __m256* mantissa, __m256* exponent) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff));
    const __m256 m = _mm256_castsi256_ps(_mm256_or_si256(fraction, _mm256_set1_epi32(0x3f800000)));
    const __m256 e = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127)));
    const __m256 large = _mm256_cmp_ps(m, _mm256_set1_ps(1.41421356f), _CMP_GT_OQ);
    *mantissa = _mm256_blendv_ps(m, m * _mm256_set1_ps(0.5f), large);
    *exponent = e + _mm256_and_ps(large, _mm256_set1_ps(1.0f));
  };
  Lanes mantissa;
  Lanes exponent;
  split(x.low, &mantissa.low, &exponent.low);
  split(x.high, &mantissa.high, &exponent.high);
  return Fma(exponent, 0x1.62e43p-1f, Log1p(mantissa - Lanes(1.0f)));
}

// cos and sin of 2 pi t for t in [0, 1].
struct Direction {
  Lanes cosine;
  Lanes sine;
};
inline Direction DirectionOfTurn(Lanes t) {
  static constexpr float kSine[] = {1.0f / 362880, -1.0f / 5040, 1.0f / 120, -1.0f / 6, 1.0f};
  static constexpr float kCosine[] = {1.0f / 40320, -1.0f / 720, 1.0f / 24, -1.0f / 2, 1.0f};
  constexpr float kRounder = 0x1.8p23f;
  // t = (quarter + r) / 4 with |r| <= 1/2.
  const Lanes quarter = Fma(t, 4.0f, kRounder) - kRounder;
  const Lanes angle = Fma(t, 4.0f, -quarter) * Lanes(0x1.921fb6p0f);
  const Lanes square = angle * angle;
  const Lanes sine = angle * Polynomial(kSine, square);
  const Lanes cosine = Polynomial(kCosine, square);
  // An odd quarter swaps the two; quarters 1 and 2 turn the cosine around, 2 and 3 the sine.
  const auto turn = [](__m256 q, __m256 c, __m256 s, __m256* cosine_out, __m256* sine_out) {
    const __m256i k = _mm256_cvtps_epi32(q);
    const __m256 odd = _mm256_castsi256_ps(_mm256_slli_epi32(k, 31));
    const auto sign = [](__m256i n) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_srli_epi32(n, 1), 31)); };
    *cosine_out = _mm256_xor_ps(_mm256_blendv_ps(c, s, odd), sign(_mm256_add_epi32(k, _mm256_set1_epi32(1))));
    *sine_out = _mm256_xor_ps(_mm256_blendv_ps(s, c, odd), sign(k));
  };
  Direction direction;
  turn(quarter.low, cosine.low, sine.low, &direction.cosine.low, &direction.sine.low);
  turn(quarter.high, cosine.high, sine.high, &direction.cosine.high, &direction.sine.high);
  return direction;
}

}  // namespace seedcast
