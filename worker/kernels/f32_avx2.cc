// Class F32 on AVX2: 8 channels a register, 16 registers.
#include <immintrin.h>

#include "worker/kernels/f32_kernels.h"

namespace seedcast {
namespace {

using Vec = __m256;
constexpr int kLanes = 8;

inline Vec Load(const float* p) { return _mm256_loadu_ps(p); }
inline void Store(float* p, Vec a) { _mm256_storeu_ps(p, a); }
inline Vec Broadcast(const float* p) { return _mm256_broadcast_ss(p); }
inline Vec Set(float a) { return _mm256_set1_ps(a); }
inline Vec Add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec Fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec Max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline void AddVecToDoubles(double* p, Vec a) {
  const __m128 low = _mm256_castps256_ps128(a);
  const __m128 high = _mm256_extractf128_ps(a, 1);
  _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), _mm256_cvtps_pd(low)));
  _mm256_storeu_pd(p + 4, _mm256_add_pd(_mm256_loadu_pd(p + 4), _mm256_cvtps_pd(high)));
}

// 12 sums, two registers of weights and a broadcast; filters come in multiples of 16, so two always fit.
constexpr int kMaxVectors = 2;
constexpr int MaxRows(int) { return 6; }
constexpr int kFirstBlockVectors = 1;

}  // namespace
}  // namespace seedcast

#include "worker/kernels/f32_kernels_impl.h"

namespace seedcast {
const F32Kernels kAvx2F32Kernels = kKernels;
}  // namespace seedcast
