// How fast something is on one core, and how fast its FMA units could be at best. Each figure is the best of many
// calls, so that other load on the machine shows least.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <functional>

namespace seedcast {

// Seconds of the best call of `work` among those that fit into `seconds`.
inline double BestSeconds(double seconds, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  work();
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  double best = 1e9;
  while (Clock::now() < end) {
    const auto start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

inline constexpr int kPeakSteps = 10000;
inline constexpr int kPeakChains = 12;

// FMAs on registers alone: 12 independent chains hide the latency.
__attribute__((target("avx512f"))) inline float PeakAvx512() {
  __m512 chains[kPeakChains];
  for (__m512& chain : chains) chain = _mm512_set1_ps(1.0f);
  __m512 factor = _mm512_set1_ps(0.999f);
  for (int step = 0; step < kPeakSteps; ++step) {
    asm volatile("" : "+v"(factor));
#pragma GCC unroll 12
    for (__m512& chain : chains) chain = _mm512_fmadd_ps(chain, factor, factor);
  }
  for (int i = 1; i < kPeakChains; ++i) chains[0] = _mm512_add_ps(chains[0], chains[i]);
  return chains[0][0];
}

inline float PeakAvx2() {
  __m256 chains[kPeakChains];
  for (__m256& chain : chains) chain = _mm256_set1_ps(1.0f);
  __m256 factor = _mm256_set1_ps(0.999f);
  for (int step = 0; step < kPeakSteps; ++step) {
    asm volatile("" : "+x"(factor));
#pragma GCC unroll 12
    for (__m256& chain : chains) chain = _mm256_fmadd_ps(chain, factor, factor);
  }
  for (int i = 1; i < kPeakChains; ++i) chains[0] = _mm256_add_ps(chains[0], chains[i]);
  return chains[0][0];
}

// Measured for `seconds`.
inline double PeakGflops(double seconds, bool avx512) {
  volatile float sink;
  const double best = BestSeconds(seconds, [&] { sink = avx512 ? PeakAvx512() : PeakAvx2(); });
  return 2e-9 * kPeakSteps * kPeakChains * (avx512 ? 16 : 8) / best;
}

}  // namespace seedcast
