// Elementary functions on vectors: the operations of common/math/elementary.cc. Included by hrnn_kernels_impl.h alone,
// which says what it expects of `Vec`.

namespace seedcast {
namespace {

using Constants = FloatElementary;

inline Vec SignBit() { return Set(-0.0f); }
inline Vec Abs(Vec x) { return Xor(x, And(x, SignBit())); }
inline Vec WithSignOf(Vec magnitude, Vec x) { return Or(magnitude, And(x, SignBit())); }

template <int kFirst, int kCount>
inline Vec Polynomial(const float* coefficients, Vec x) {
  Vec sum = Set(coefficients[kFirst]);
#pragma GCC unroll 8
  for (int i = 1; i < kCount; ++i) sum = Fma(sum, x, Set(coefficients[kFirst + i]));
  return sum;
}

// x = k ln 2 + r
struct Reduced {
  Vec k, r;
};
inline Reduced Reduce(Vec x) {
  const Vec k = Sub(Fma(x, Set(Constants::kInverseLn2), Set(Constants::kRounder)), Set(Constants::kRounder));
  return {k, Fnma(k, Set(Constants::kLn2Low), Fnma(k, Set(Constants::kLn2High), x))};
}

inline Vec ExpOf(Vec x) {
  const Reduced y = Reduce(Max(Set(Constants::kExpUnderflow), Min(Set(Constants::kExpOverflow), x)));
  const Vec half = Half(y.k);
  return Mul(Mul(Polynomial<0, 8>(Constants::kExp, y.r), PowerOfTwo(half)), PowerOfTwo(Sub(y.k, half)));
}

inline Vec SigmoidOf(Vec x) {
  const Vec limit = Set(Constants::kSigmoidLimit);
  const Reduced y = Reduce(Max(Xor(limit, SignBit()), Min(limit, Xor(x, SignBit()))));
  const Vec power = Mul(Polynomial<0, 8>(Constants::kExp, y.r), PowerOfTwo(y.k));
  return Div(Set(1.0f), Add(Set(1.0f), power));
}

inline Vec TanhOf(Vec x) {
  const Reduced y = Reduce(Mul(Set(2.0f), Min(Set(Constants::kTanhLimit), Abs(x))));
  const Vec power = PowerOfTwo(y.k);
  const Vec of_r = Fma(Mul(y.r, y.r), Polynomial<0, 6>(Constants::kExp, y.r), y.r);
  const Vec minus_one = Fma(power, of_r, Sub(power, Set(1.0f)));
  return WithSignOf(Div(minus_one, Add(minus_one, Set(2.0f))), x);
}

// x > 0 and normal, infinite or NaN.
inline Vec LogOf(Vec x) {
  const Vec infinity = Set(__builtin_inff()), mantissa = Set(__builtin_bit_cast(float, 0x007FFFFF));
  Vec e = ExponentOf(x);
  Vec m = Or(And(x, mantissa), Set(1.0f));
  const Vec sqrt2 = Set(Constants::kSqrt2);
  e = IfLess(sqrt2, m, Add(e, Set(1.0f)), e);
  m = IfLess(sqrt2, m, Mul(m, Set(0.5f)), m);
  const Vec f = Sub(m, Set(1.0f));
  const Vec s = Div(f, Add(Set(2.0f), f));
  const Vec s2 = Mul(s, s);
  const Vec remainder = Mul(s2, Polynomial<0, 4>(Constants::kLog, s2));
  const Vec correction = Fnma(s, Sub(f, remainder), Mul(e, Set(Constants::kLn2Low)));
  const Vec log = Fma(e, Set(Constants::kLn2High), Add(f, correction));
  return IfLess(x, infinity, log, x);
}

inline Vec AsinhOf(Vec x) {
  const Vec one = Set(1.0f), large = Set(Constants::kAsinhLarge);
  const Vec a = Abs(x);
  const Vec square = Mul(a, a);
  const Vec y = Add(a, Div(square, Add(one, Sqrt(Add(one, square)))));
  const Vec u = Add(one, y);
  const Vec lost = IfLess(u, Set(2.0f), Sub(y, Sub(u, one)), Set(0.0f));
  const Vec tail = IfLess(large, a, Set(Constants::kLn2), lost);
  return WithSignOf(Add(LogOf(IfLess(large, a, a, u)), tail), x);
}

template <Vec (*kFunction)(Vec)>
void RowOf(const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Mask mask = FirstLanes(count - i);
    Store(y + i, kFunction(Load(x + i, mask)), mask);
  }
}

}  // namespace
}  // namespace seedcast
