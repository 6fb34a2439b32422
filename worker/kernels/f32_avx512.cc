// Class F32 on AVX-512: 16 channels a register, 32 registers.
#include <immintrin.h>

#include "worker/kernels/f32_kernels.h"

namespace seedcast {
namespace {

using Vec = __m512;
constexpr int kLanes = 16;

inline Vec Load(const float* p) { return _mm512_loadu_ps(p); }
inline void Store(float* p, Vec a) { _mm512_storeu_ps(p, a); }
inline Vec Broadcast(const float* p) { return _mm512_set1_ps(*p); }
inline Vec Set(float a) { return _mm512_set1_ps(a); }
inline Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec Fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec Max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline void AddVecToDoubles(double* p, Vec a) {
  const __m256 low = _mm512_castps512_ps256(a);
  const __m256 high = _mm512_extractf32x8_ps(a, 1);
  _mm512_storeu_pd(p, _mm512_add_pd(_mm512_loadu_pd(p), _mm512_cvtps_pd(low)));
  _mm512_storeu_pd(p + 8, _mm512_add_pd(_mm512_loadu_pd(p + 8), _mm512_cvtps_pd(high)));
}

// 24 sums, four (three, two, one) registers of weights and a broadcast.
constexpr int kMaxVectors = 4;
constexpr int MaxRows(int vectors) { return vectors == 1 ? 12 : 24 / vectors; }
constexpr int kFirstBlockVectors = 2;

}  // namespace
}  // namespace seedcast

#include "worker/kernels/f32_kernels_impl.h"

namespace seedcast {
const F32Kernels kAvx512F32Kernels = kKernels;
}  // namespace seedcast
