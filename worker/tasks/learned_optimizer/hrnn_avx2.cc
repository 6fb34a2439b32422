// The optimizer's step on AVX2: 8 lanes, 16 registers.
#include <immintrin.h>

#include "common/math/elementary_constants.h"
#include "worker/tasks/learned_optimizer/hrnn_kernels.h"

namespace seedcast {
namespace {

using Vec = __m256;
constexpr int kLanes = 8;

inline Vec Load(const float* p) { return _mm256_loadu_ps(p); }
inline void Store(float* p, Vec a) { _mm256_storeu_ps(p, a); }
inline Vec Set(float a) { return _mm256_set1_ps(a); }
inline Vec Add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec Sqrt(Vec a) { return _mm256_sqrt_ps(a); }
inline Vec Fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec Fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
inline Vec Fnms(Vec a, Vec b, Vec c) { return _mm256_fnmsub_ps(a, b, c); }
inline Vec Min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Vec Max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec And(Vec a, Vec b) { return _mm256_and_ps(a, b); }
inline Vec Abs(Vec x) { return _mm256_andnot_ps(Set(-0.0f), x); }
inline Vec WithSignOf(Vec magnitude, Vec x) { return _mm256_or_ps(magnitude, And(x, Set(-0.0f))); }
inline Vec IfLess(Vec a, Vec b, Vec yes, Vec no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
inline Vec PowerOfTwo(Vec k) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127)), 23));
}
inline Vec Scale(Vec x, Vec k) { return Mul(x, PowerOfTwo(k)); }
inline Vec Half(Vec k) { return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_cvtps_epi32(k), 1)); }
inline Vec ExponentOf(Vec x) {
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(_mm256_castps_si256(x), 23), _mm256_set1_epi32(127)));
}
inline Vec MantissaOf(Vec x) {
  const __m256i fraction = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x007FFFFF));
  return _mm256_or_ps(_mm256_castsi256_ps(fraction), Set(1.0f));
}

struct Mask {
  __m256i lanes;
  bool all;  // plain stores are faster
};
inline Mask FirstLanes(int64_t count) {
  const int lanes = count >= kLanes ? kLanes : static_cast<int>(count);
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), index), lanes == kLanes};
}
inline Vec Load(const float* p, const Mask& mask) { return _mm256_maskload_ps(p, mask.lanes); }
inline void Store(float* p, Vec a, const Mask& mask) {
  if (mask.all) {
    Store(p, a);
  } else {
    _mm256_maskstore_ps(p, mask.lanes, a);
  }
}
inline Vec Only(Vec a, const Mask& mask) { return And(a, _mm256_castsi256_ps(mask.lanes)); }

// 10 sums either way.
constexpr int TileUnits(int vectors) { return 10 / vectors; }
constexpr int kMostVectors = 2;
constexpr int kCellRows = 1;

}  // namespace
}  // namespace seedcast

#include "worker/tasks/learned_optimizer/hrnn_kernels_impl.h"

namespace seedcast {
const HrnnKernels kAvx2Hrnn = KernelsNamed("avx2");
}  // namespace seedcast
