#include "common/noise/noise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "common/noise/noise_kernels.h"

namespace seedcast {
namespace {

bool CanRun(const NoiseKernels& kernels) {
  if (&kernels == &kAvx512Noise) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bitalg");
  }
  if (&kernels == &kAvx2Noise) return __builtin_cpu_supports("avx2");
  return true;
}

constexpr const NoiseKernels* kBestFirst[] = {&kAvx512Noise, &kAvx2Noise, &kScalarNoise};

const NoiseKernels*& Active() {
  static const NoiseKernels* active =
      *std::find_if(std::begin(kBestFirst), std::end(kBestFirst), [](const NoiseKernels* k) { return CanRun(*k); });
  return active;
}

NoiseStream StreamOf(const NoiseKey& key) {
  return {{static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)},
          key.pair,
          key.generation,
          static_cast<uint32_t>(NoiseDomain::kPerturbation)};
}

int64_t GroupSize(NoiseDistribution distribution) {
  return distribution == NoiseDistribution::kPopcount ? kPopcountGroup : kSignGroup;
}

// Largest |n|.
int64_t NoiseBound(NoiseDistribution distribution) { return distribution == NoiseDistribution::kPopcount ? 8 : 1; }

// Sums of one tile stay in the first-level cache while pair after pair is added.
constexpr int64_t kTile = 2048;
static_assert(kTile % kPopcountGroup == 0 && kTile % kSignGroup == 0);

void Flush(int32_t* tile, absl::Span<int64_t> sum) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += tile[i];
  std::fill_n(tile, kTile, 0);
}

// sum: at most kTile parameters from `first` on. Pairs are added in int32 for as long as the sum of |weight * n| cannot
// leave it, then flushed.
void AccumulateTile(NoiseDistribution distribution, NoiseKey key, absl::Span<const int32_t> weights, int64_t first,
                    absl::Span<int64_t> sum) {
  const bool popcount = distribution == NoiseDistribution::kPopcount;
  const auto accumulate = popcount ? Active()->accumulate_popcount : Active()->accumulate_sign;
  const int64_t group_size = GroupSize(distribution);
  const uint32_t first_group = static_cast<uint32_t>(first / group_size);
  const int64_t groups = (static_cast<int64_t>(sum.size()) + group_size - 1) / group_size;

  alignas(64) int32_t tile[kTile] = {};
  int64_t bound = 0;  // no entry of the tile is larger
  for (size_t p = 0; p < weights.size(); ++p, ++key.pair) {
    if (weights[p] == 0) continue;
    const int64_t step = NoiseBound(distribution) * std::abs(int64_t{weights[p]});
    if (bound + step > INT32_MAX) {
      Flush(tile, sum);
      bound = 0;
    }
    bound += step;
    accumulate(StreamOf(key), first_group, groups, weights[p], tile);
  }
  Flush(tile, sum);
}

}  // namespace

void DrawNoise(NoiseDistribution distribution, const NoiseKey& key, absl::Span<int8_t> noise) {
  const auto draw = distribution == NoiseDistribution::kPopcount ? Active()->draw_popcount : Active()->draw_sign;
  const int64_t group_size = GroupSize(distribution);
  const int64_t groups = static_cast<int64_t>(noise.size()) / group_size;
  const size_t whole = static_cast<size_t>(groups * group_size);
  const NoiseStream stream = StreamOf(key);
  draw(stream, 0, groups, noise.data());
  if (whole == noise.size()) return;
  int8_t last[kSignGroup];
  draw(stream, static_cast<uint32_t>(groups), 1, last);
  std::copy_n(last, noise.size() - whole, noise.data() + whole);
}

void Perturb(absl::Span<const float> theta, absl::Span<const int8_t> noise, float s, absl::Span<float> member) {
  Active()->perturb(theta.data(), noise.data(), s, static_cast<int64_t>(member.size()), member.data());
}

void AccumulatePairs(NoiseDistribution distribution, const NoiseKey& first_key, absl::Span<const int32_t> weights,
                     int64_t first, absl::Span<int64_t> sum) {
  for (size_t done = 0; done < sum.size(); done += kTile) {
    AccumulateTile(distribution, first_key, weights, first + static_cast<int64_t>(done), sum.subspan(done, kTile));
  }
}

float NoiseScale(NoiseDistribution distribution, double sigma) {
  const double scale = distribution == NoiseDistribution::kPopcount ? sigma / 2 : sigma;
  int exponent;
  const double mantissa = std::frexp(scale, &exponent);  // in [1/2, 1)
  return static_cast<float>(std::ldexp(std::nearbyint(mantissa * 65536), exponent - 16));
}

const char* NoiseIsa() { return Active()->name; }

bool SetNoiseIsa(const char* isa) {
  for (const NoiseKernels* kernels : kBestFirst) {
    if (std::strcmp(kernels->name, isa) != 0 || !CanRun(*kernels)) continue;
    Active() = kernels;
    return true;
  }
  return false;
}

}  // namespace seedcast
