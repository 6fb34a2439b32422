// Elementary functions with the same bits on every machine: libm's exp, log and cos differ between CPUs and versions,
// so nothing on a path to Evaluate or Update calls them. These use only correctly rounded IEEE-754 operations (+, *, /,
// fma, std::sqrt) in a fixed order, with round-to-nearest.
//
// Largest error against long double: float Exp and Log 1 ulp, double 2 ulp, CosPi and SinPi 3 ulp, Sigmoid, Tanh and
// Asinh 3 ulp.
#pragma once

#include <cstdint>

namespace seedcast {

// e^x. +inf above 88.73, denormal and then 0 below -87.34; NaN stays NaN.
float Exp(float x);
double Exp(double x);

// Natural logarithm. -inf at 0, NaN below 0, denormals exact as any other; inf and NaN stay.
float Log(float x);
double Log(double x);

// 1 / (1 + e^-x). Where e^-x is not a normal number (|x| > 87; 708 for double) it is that of the nearest such x: > 0.
float Sigmoid(float x);
double Sigmoid(double x);

// Odd, and as exact near 0 as anywhere; +-1 from |x| = 10 on (20 for double).
float Tanh(float x);
double Tanh(double x);

// log(x + sqrt(1 + x^2)), odd: no cancellation for negative x.
float Asinh(float x);
double Asinh(double x);

// cos(pi * t) and sin(pi * t), exact at multiples of 1/2; NaN for infinities and NaN.
double CosPi(double t);
double SinPi(double t);

// base^exponent for exponent >= 0, by squaring from the lowest bit of the exponent up.
double PowInteger(double base, int64_t exponent);

}  // namespace seedcast
