// The noise of a pair of members: integers, a pure function of (seed, generation, pair, parameter index).
//
// Philox4x32-10 (Salmon et al. 2011) with key = seed (low word, high word) and counter = (block, pair, generation,
// domain = 0). A member's weight is theta + s*n or theta - s*n. s has 16 significant bits and |n| <= 8, so s*n is exact
// in float32: one rounding, with or without FMA, on every device.
//
//   kPopcount  one block gives eight halves of 16 bits; n = popcount(half) - 8, in [-8, 8], mean 0, variance 4;
//              s = sigma/2. In a group of 128 parameters (blocks 16*group .. 16*group+15) parameter
//              16*(2*w + h) + b takes half h (0 = low 16 bits) of word w of block b.
//   kSign      one block gives 128 bits; n = +1 where the bit is 0, -1 where it is 1; s = sigma. In a group of 2048
//              parameters (16 blocks) parameter 16*(32*w + k) + b takes bit k of word w of block b.
//
// The layout lets one 512-bit register hold the same word of 16 blocks with no shuffle.
#pragma once

#include <cstdint>

#include "absl/types/span.h"

namespace seedcast {

enum class NoiseDistribution { kPopcount, kSign };

// Fourth counter word: keeps streams of different purpose apart under one seed.
enum class NoiseDomain : uint32_t { kPerturbation = 0, kInitialTheta = 1, kEpisode = 2, kTask = 3, kSchedule = 4 };

struct NoiseKey {
  uint64_t seed;
  uint32_t generation;
  uint32_t pair;
};

// n of every parameter of a pair.
void DrawNoise(NoiseDistribution distribution, const NoiseKey& key, absl::Span<int8_t> noise);

// member[i] = theta[i] + s * noise[i]; pass -s for the second member. Sizes equal.
void Perturb(absl::Span<const float> theta, absl::Span<const int8_t> noise, float s, absl::Span<float> member);

// sum[i] += weights[k] * n[i] over all k, with n of pair first_key.pair + k and parameters [first, first + sum.size());
// `first` is a multiple of 2048. |weights[k]| <= 2^27, so that 8 * weight fits int32. Pairs of weight 0 cost nothing.
void AccumulatePairs(NoiseDistribution distribution, const NoiseKey& first_key, absl::Span<const int32_t> weights,
                     int64_t first, absl::Span<int64_t> sum);

// sigma / 2 (kPopcount) or sigma (kSign), rounded to 16 significant bits, ties to even: with m * 2^e = that number and
// 1/2 <= m < 1, rint(65536 m) * 2^(e-16).
float NoiseScale(NoiseDistribution distribution, double sigma);

// Instruction set in use: "avx512", "avx2" or "scalar"; all give the same bits. SetNoiseIsa is for tests and
// benchmarks; false when this machine cannot run it.
const char* NoiseIsa();
bool SetNoiseIsa(const char* isa);

}  // namespace seedcast
