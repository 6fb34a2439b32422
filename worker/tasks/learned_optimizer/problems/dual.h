// Forward-mode differentiation: a number and its derivative along one direction. A gradient written as a template over
// its scalar gives H v when it runs on Dual numbers whose derivatives are v; a function of two variables gives gradient
// and H v from its value alone, on Dual and Dual<Dual>.
#pragma once

#include <cmath>
#include <concepts>

#include "common/math/elementary.h"

namespace seedcast {

template <typename T>
struct Dual {
  T value{};
  T derivative{};

  Dual() = default;
  Dual(T v, T d) : value(v), derivative(d) {}
  // A constant. Reaches through nested duals.
  template <typename U>
  requires std::convertible_to<U, T> Dual(const U& constant)  // NOLINT: implicit on purpose
      : value(constant), derivative(0.0f) {}

  friend Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, a.derivative + b.derivative}; }
  friend Dual operator-(const Dual& a, const Dual& b) { return {a.value - b.value, a.derivative - b.derivative}; }
  friend Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.derivative * b.value + a.value * b.derivative};
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    const T quotient = a.value / b.value;
    return {quotient, (a.derivative - quotient * b.derivative) / b.value};
  }
  friend Dual operator-(const Dual& a) { return Dual(0.0f) - a; }
  Dual& operator+=(const Dual& other) { return *this = *this + other; }
  Dual& operator-=(const Dual& other) { return *this = *this - other; }
};

// What a branch of an algorithm asks for: the number without its derivatives.
inline double PlainValue(double x) { return x; }
template <typename T>
double PlainValue(const Dual<T>& x) {
  return PlainValue(x.value);
}

inline double Sqrt(double x) { return std::sqrt(x); }

template <typename T>
Dual<T> Exp(const Dual<T>& x) {
  const T e = Exp(x.value);
  return {e, e * x.derivative};
}

template <typename T>
Dual<T> Log(const Dual<T>& x) {
  return {Log(x.value), x.derivative / x.value};
}

// The derivative at 0, where there is none, is 0: a minimum like Ackley's is a place to rest.
template <typename T>
Dual<T> Sqrt(const Dual<T>& x) {
  if (PlainValue(x) == 0) return Dual<T>(0.0f);
  const T root = Sqrt(x.value);
  return {root, x.derivative / (root + root)};
}

template <typename T>
Dual<T> CosPi(const Dual<T>& t);

template <typename T>
Dual<T> SinPi(const Dual<T>& t) {
  return {SinPi(t.value), T(3.14159265358979323846) * CosPi(t.value) * t.derivative};
}

template <typename T>
Dual<T> CosPi(const Dual<T>& t) {
  return {CosPi(t.value), T(-3.14159265358979323846) * SinPi(t.value) * t.derivative};
}

template <typename S>
S Square(const S& x) {
  return x * x;
}

// x^exponent for x > 0.
template <typename S>
S Power(const S& x, double exponent) {
  return Exp(S(exponent) * Log(x));
}

}  // namespace seedcast
