// The specification of the noise (layout: noise.h), which the vector versions are tested against.
#include <bit>

#include "common/noise/noise_kernels.h"
#include "common/noise/philox.h"

namespace seedcast {
namespace {

PhiloxBlock BlockOf(const NoiseStream& stream, uint32_t first_group, int64_t group, int b) {
  const uint32_t block = (first_group + static_cast<uint32_t>(group)) * kBlocksPerGroup + static_cast<uint32_t>(b);
  return Philox({block, stream.pair, stream.generation, stream.domain}, uint64_t{stream.key[1]} << 32 | stream.key[0]);
}

// Calls visit(i, n) for every parameter i of the groups.
template <typename Visit>
void ForEachPopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, Visit visit) {
  for (int64_t group = 0; group < groups; ++group) {
    for (int b = 0; b < kBlocksPerGroup; ++b) {
      const PhiloxBlock block = BlockOf(stream, first_group, group, b);
      for (int half = 0; half < 8; ++half) {  // half h of word w is number 2 * w + h
        const uint32_t bits = block[half / 2] >> (16 * (half % 2)) & 0xFFFF;
        visit(group * kPopcountGroup + 16 * half + b, std::popcount(bits) - 8);
      }
    }
  }
}

template <typename Visit>
void ForEachSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, Visit visit) {
  for (int64_t group = 0; group < groups; ++group) {
    for (int b = 0; b < kBlocksPerGroup; ++b) {
      const PhiloxBlock block = BlockOf(stream, first_group, group, b);
      for (int bit = 0; bit < 128; ++bit) {  // bit k of word w is number 32 * w + k
        visit(group * kSignGroup + 16 * bit + b, (block[bit / 32] >> (bit % 32) & 1) != 0 ? -1 : 1);
      }
    }
  }
}

void DrawPopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise) {
  ForEachPopcount(stream, first_group, groups, [&](int64_t i, int n) { noise[i] = static_cast<int8_t>(n); });
}

void DrawSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise) {
  ForEachSign(stream, first_group, groups, [&](int64_t i, int n) { noise[i] = static_cast<int8_t>(n); });
}

void AccumulatePopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight, int32_t* sum) {
  ForEachPopcount(stream, first_group, groups, [&](int64_t i, int n) { sum[i] += weight * n; });
}

void AccumulateSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight, int32_t* sum) {
  ForEachSign(stream, first_group, groups, [&](int64_t i, int n) { sum[i] += weight * n; });
}

void PerturbWith(const float* theta, const int8_t* noise, float s, int64_t count, float* member) {
  for (int64_t i = 0; i < count; ++i) member[i] = theta[i] + s * static_cast<float>(noise[i]);
}

}  // namespace

const NoiseKernels kScalarNoise = {"scalar", DrawPopcount, DrawSign, AccumulatePopcount, AccumulateSign, PerturbWith};

}  // namespace seedcast
