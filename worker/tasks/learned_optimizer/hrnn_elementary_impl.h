// Elementary functions on vectors: the operations of common/math/elementary.cc. A part of
// hrnn_kernels_impl.h, which says what it expects of `Vec`.
#pragma once

namespace seedcast {
namespace {

using Constants = FloatElementary;

// Calls would spill every register, and what is inlined must not depend on how often it is used.
#define SEEDCAST_INLINE [[gnu::always_inline]] inline

// Vectors that go through a function side by side, so that they hide each other's latency. V below is Vec or Vecs.
template <int n>
struct Vecs {
  Vec of[n];

  Vecs() = default;
  SEEDCAST_INLINE Vecs(Vec x) {  // NOLINT: implicit on purpose, as V(Set(1.0f)) of a Vec is
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) of[i] = x;
  }
};
template <int n, typename Function>
SEEDCAST_INLINE Vecs<n> ForEach(const Function& function) {
  Vecs<n> result;
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) result.of[i] = function(i);
  return result;
}
#define SEEDCAST_UNARY(Name)                                 \
  template <int n>                                           \
  SEEDCAST_INLINE Vecs<n> Name(const Vecs<n>& a) {           \
    return ForEach<n>([&](int i) { return Name(a.of[i]); }); \
  }
#define SEEDCAST_BINARY(Name)                                         \
  template <int n>                                                    \
  SEEDCAST_INLINE Vecs<n> Name(const Vecs<n>& a, const Vecs<n>& b) {  \
    return ForEach<n>([&](int i) { return Name(a.of[i], b.of[i]); }); \
  }
#define SEEDCAST_TERNARY(Name)                                                         \
  template <int n>                                                                     \
  SEEDCAST_INLINE Vecs<n> Name(const Vecs<n>& a, const Vecs<n>& b, const Vecs<n>& c) { \
    return ForEach<n>([&](int i) { return Name(a.of[i], b.of[i], c.of[i]); });         \
  }
SEEDCAST_UNARY(Abs)
SEEDCAST_UNARY(Sqrt)
SEEDCAST_UNARY(ExponentOf)
SEEDCAST_UNARY(MantissaOf)
SEEDCAST_UNARY(PowerOfTwo)
SEEDCAST_BINARY(Add)
SEEDCAST_BINARY(Sub)
SEEDCAST_BINARY(Mul)
SEEDCAST_BINARY(Div)
SEEDCAST_BINARY(Min)
SEEDCAST_BINARY(WithSignOf)
SEEDCAST_TERNARY(Fma)
SEEDCAST_TERNARY(Fnma)
#undef SEEDCAST_UNARY
#undef SEEDCAST_BINARY
#undef SEEDCAST_TERNARY
template <int n>
SEEDCAST_INLINE Vecs<n> IfLess(const Vecs<n>& a, const Vecs<n>& b, const Vecs<n>& yes, const Vecs<n>& no) {
  return ForEach<n>([&](int i) { return IfLess(a.of[i], b.of[i], yes.of[i], no.of[i]); });
}

template <int kFirst, int kCount, typename V>
SEEDCAST_INLINE V Polynomial(const float* coefficients, const V& x) {
  V sum = Set(coefficients[kFirst]);
#pragma GCC unroll 8
  for (int i = 1; i < kCount; ++i) sum = Fma(sum, x, V(Set(coefficients[kFirst + i])));
  return sum;
}

// x = k ln 2 + r; returns r.
template <typename V>
SEEDCAST_INLINE V Reduce(const V& x, V* k) {
  *k = Sub(Fma(x, V(Set(Constants::kInverseLn2)), V(Set(Constants::kRounder))), V(Set(Constants::kRounder)));
  return Fnma(*k, V(Set(Constants::kLn2Low)), Fnma(*k, V(Set(Constants::kLn2High)), x));
}

SEEDCAST_INLINE Vec ExpOf(Vec x) {
  Vec k;
  const Vec r = Reduce(Max(Set(Constants::kExpUnderflow), Min(Set(Constants::kExpOverflow), x)), &k);
  const Vec half = Half(k);
  return Mul(Mul(Polynomial<0, 8>(Constants::kExp, r), PowerOfTwo(half)), PowerOfTwo(Sub(k, half)));
}

// Reduces -x, without making it.
SEEDCAST_INLINE Vec SigmoidOf(Vec x) {
  x = Max(Set(-Constants::kSigmoidLimit), Min(Set(Constants::kSigmoidLimit), x));
  const Vec k = Sub(Fnma(x, Set(Constants::kInverseLn2), Set(Constants::kRounder)), Set(Constants::kRounder));
  const Vec r = Fnma(k, Set(Constants::kLn2Low), Fnms(k, Set(Constants::kLn2High), x));
  const Vec power = Scale(Polynomial<0, 8>(Constants::kExp, r), k);
  return Div(Set(1.0f), Add(Set(1.0f), power));
}

template <typename V>
SEEDCAST_INLINE V TanhOf(V x) {
  V k;
  const V r = Reduce(Mul(V(Set(2.0f)), Min(V(Set(Constants::kTanhLimit)), Abs(x))), &k);
  const V power = PowerOfTwo(k);
  const V of_r = Fma(Mul(r, r), Polynomial<0, 6>(Constants::kExp, r), r);
  const V minus_one = Fma(power, of_r, Sub(power, V(Set(1.0f))));
  return WithSignOf(Div(minus_one, Add(minus_one, V(Set(2.0f)))), x);
}

// x > 0 and normal, infinite or NaN.
template <typename V>
SEEDCAST_INLINE V LogOf(V x) {
  const V one = Set(1.0f), sqrt2 = Set(Constants::kSqrt2);
  V e = ExponentOf(x);
  V m = MantissaOf(x);
  e = IfLess(sqrt2, m, Add(e, one), e);
  m = IfLess(sqrt2, m, Mul(m, V(Set(0.5f))), m);
  const V f = Sub(m, one);
  const V s = Div(f, Add(V(Set(2.0f)), f));
  const V s2 = Mul(s, s);
  const V remainder = Mul(s2, Polynomial<0, 4>(Constants::kLog, s2));
  const V correction = Fnma(s, Sub(f, remainder), Mul(e, V(Set(Constants::kLn2Low))));
  const V log = Fma(e, V(Set(Constants::kLn2High)), Add(f, correction));
  return IfLess(x, V(Set(__builtin_inff())), log, x);
}

template <typename V>
SEEDCAST_INLINE V AsinhOf(V x) {
  const V one = Set(1.0f), large = Set(Constants::kAsinhLarge);
  const V a = Abs(x);
  const V square = Mul(a, a);
  const V y = Add(a, Div(square, Add(one, Sqrt(Add(one, square)))));
  const V u = Add(one, y);
  const V lost = IfLess(u, V(Set(2.0f)), Sub(y, Sub(u, one)), V(Set(0.0f)));
  const V tail = IfLess(large, a, V(Set(Constants::kLn2)), lost);
  return WithSignOf(Add(LogOf(V(IfLess(large, a, a, u))), tail), x);
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
