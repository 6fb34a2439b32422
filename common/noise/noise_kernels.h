// The inner loops of noise.h, one table an instruction set, chosen once. All work on whole groups (128 parameters for
// kPopcount, 2048 for kSign) starting at `first_group`, and all tables give the same bits; noise_scalar.cc is the
// specification. Plain pointers only: files compiled for another instruction set must not instantiate templates that
// the rest of the program shares.
#pragma once

#include <cstdint>

namespace seedcast {

inline constexpr int64_t kPopcountGroup = 128;
inline constexpr int64_t kSignGroup = 2048;
inline constexpr int kBlocksPerGroup = 16;

// Philox key, and the counter's words but the block.
struct NoiseStream {
  uint32_t key[2];
  uint32_t pair;
  uint32_t generation;
  uint32_t domain;
};

struct NoiseKernels {
  const char* name;

  // noise: (groups * group size)
  void (*draw_popcount)(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise);
  void (*draw_sign)(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise);

  // sum += weight * n; sum: (groups * group size). The caller sees to it that no sum leaves int32.
  void (*accumulate_popcount)(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight,
                              int32_t* sum);
  void (*accumulate_sign)(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight,
                          int32_t* sum);

  // member = theta + s * noise for any count
  void (*perturb)(const float* theta, const int8_t* noise, float s, int64_t count, float* member);
};

extern const NoiseKernels kScalarNoise;
extern const NoiseKernels kAvx2Noise;
extern const NoiseKernels kAvx512Noise;  // needs AVX-512 F, BW, VL, DQ and BITALG

}  // namespace seedcast
