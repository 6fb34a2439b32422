// The numbers of elementary.cc, for vector code that computes the same bits by the same operations. Constants only:
// files compiled for other instruction sets include this.
//
// ln 2 is kLn2High + kLn2Low; the high part has trailing zeros, so that its product with any exponent is exact.
#pragma once

#include <cstdint>

namespace seedcast {

struct FloatElementary {
  using Real = float;
  using Bits = uint32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr int kBias = 127;
  static constexpr float kLn2 = 0x1.62e430p-1f;
  static constexpr float kLn2High = 0x1.62e4p-1f;
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kInverseLn2 = 0x1.715476p0f;
  static constexpr float kRounder = 0x1.8p23f;  // adding and taking it off rounds to an integer
  static constexpr float kSqrt2 = 0x1.6a09e6p0f;
  static constexpr float kExpOverflow = 89.0f;
  static constexpr float kExpUnderflow = -104.0f;
  static constexpr float kSigmoidLimit = 87.0f;  // e^x and e^-x are normal numbers up to here
  static constexpr float kTanhLimit = 10.0f;     // tanh rounds to 1 from here on
  static constexpr float kAsinhLarge = 0x1p12f;  // sqrt(1 + x^2) rounds to x from here on
  // 1/k!, highest k first.
  static constexpr float kExp[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f};
  // 2/(2k+1), highest k first, down to k = 1.
  static constexpr float kLog[] = {2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3};
};

struct DoubleElementary {
  using Real = double;
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr int kBias = 1023;
  static constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  static constexpr double kInverseLn2 = 0x1.71547652b82fep0;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr double kSqrt2 = 1.41421356237309504880;
  static constexpr double kExpOverflow = 710.0;
  static constexpr double kExpUnderflow = -746.0;
  static constexpr double kSigmoidLimit = 708.0;
  static constexpr double kTanhLimit = 20.0;
  static constexpr double kAsinhLarge = 0x1p27;
  static constexpr double kExp[] = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
      1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1.0,         1.0};
  static constexpr double kLog[] = {2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                    2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
};

}  // namespace seedcast
