// The optimizer's step on AVX-512: 16 lanes, 32 registers.
#include <immintrin.h>

#include "common/math/elementary_constants.h"
#include "worker/tasks/learned_optimizer/hrnn_kernels.h"

namespace seedcast {
namespace {

using Vec = __m512;
using Mask = __mmask16;
constexpr int kLanes = 16;

inline Vec Load(const float* p) { return _mm512_loadu_ps(p); }
inline void Store(float* p, Vec a) { _mm512_storeu_ps(p, a); }
inline Vec Set(float a) { return _mm512_set1_ps(a); }
inline Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec Sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec Mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec Div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec Sqrt(Vec a) { return _mm512_sqrt_ps(a); }
inline Vec Fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec Fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
inline Vec Fnms(Vec a, Vec b, Vec c) { return _mm512_fnmsub_ps(a, b, c); }
inline Vec Min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Vec Max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec Abs(Vec x) { return _mm512_andnot_ps(Set(-0.0f), x); }
inline Vec WithSignOf(Vec magnitude, Vec x) {
  constexpr int kFirstOrBothOthers = 0xF8;
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(magnitude), _mm512_castps_si512(x),
                                                       _mm512_castps_si512(Set(-0.0f)), kFirstOrBothOthers));
}
inline Vec IfLess(Vec a, Vec b, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
inline Vec Scale(Vec x, Vec k) { return _mm512_scalef_ps(x, k); }
inline Vec PowerOfTwo(Vec k) { return Scale(Set(1.0f), k); }
inline Vec Half(Vec k) { return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_cvtps_epi32(k), 1)); }
inline Vec ExponentOf(Vec x) { return _mm512_getexp_ps(x); }
inline Vec MantissaOf(Vec x) { return _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src); }

inline Mask FirstLanes(int64_t count) { return count >= kLanes ? 0xFFFF : static_cast<Mask>((1u << count) - 1); }
inline Vec Load(const float* p, Mask mask) { return _mm512_maskz_loadu_ps(mask, p); }
inline void Store(float* p, Vec a, Mask mask) { _mm512_mask_storeu_ps(p, mask, a); }
inline Vec Only(Vec a, Mask mask) { return _mm512_maskz_mov_ps(mask, a); }

constexpr int TileUnits(int vectors) { return vectors == 3 ? 5 : 10; }
constexpr int kMostVectors = 3;
constexpr int kCellRows = 4;

}  // namespace
}  // namespace seedcast

#include "worker/tasks/learned_optimizer/hrnn_kernels_impl.h"

namespace seedcast {
const HrnnKernels kAvx512Hrnn = KernelsNamed("avx512");
}  // namespace seedcast
