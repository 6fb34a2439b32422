// AVX-512 (F, BW, VL, DQ, BITALG): 16 Philox blocks at a time.
//
// Philox multiplies 32 x 32 -> 64 bits, which vpmuludq does in 64-bit lanes. So a word of eight blocks stays in the low
// halves of eight 64-bit lanes through all rounds, with anything in the high halves: a round is then two multiplies,
// two shifts and two three-way xors, with no shuffle. Even blocks live in one register, odd ones in another; the
// last step interleaves them.
#include <immintrin.h>

#include "common/noise/noise_kernels.h"

namespace seedcast {
namespace {

struct Words {
  __m512i word[4];  // word w of blocks 0 .. 15, one 32-bit lane a block
};

struct Generator {
  __m512i key0[10];
  __m512i key1[10];
  __m512i pair;
  __m512i generation;
  __m512i domain;

  explicit Generator(const NoiseStream& stream) {
    uint32_t k0 = stream.key[0];
    uint32_t k1 = stream.key[1];
    for (int round = 0; round < 10; ++round) {
      key0[round] = _mm512_set1_epi64(k0);
      key1[round] = _mm512_set1_epi64(k1);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    pair = _mm512_set1_epi64(stream.pair);
    generation = _mm512_set1_epi64(stream.generation);
    domain = _mm512_set1_epi64(stream.domain);
  }

  // Eight blocks, whose numbers are the low halves of `block`; each word in the low halves of out.
  void Eight(__m512i block, __m512i out[4]) const {
    const __m512i multiplier0 = _mm512_set1_epi64(0xD2511F53);
    const __m512i multiplier1 = _mm512_set1_epi64(0xCD9E8D57);
    __m512i c0 = block, c1 = pair, c2 = generation, c3 = domain;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const __m512i p0 = _mm512_mul_epu32(multiplier0, c0);
      const __m512i p1 = _mm512_mul_epu32(multiplier1, c2);
      c0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p1, 32), c1, key0[round], 0x96);  // three-way xor
      c1 = p1;
      c2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), c3, key1[round], 0x96);
      c3 = p0;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
  }

  // Blocks 16 * group .. 16 * group + 15.
  Words Group(uint32_t group) const {
    const __m512i first = _mm512_set1_epi32(static_cast<int>(group * kBlocksPerGroup));
    const __m512i even_blocks = _mm512_add_epi32(first, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14));
    const __m512i odd_blocks = _mm512_add_epi32(even_blocks, _mm512_set1_epi64(1));
    __m512i even[4], odd[4];
    Eight(even_blocks, even);
    Eight(odd_blocks, odd);
    Words words;
    for (int w = 0; w < 4; ++w) {
      words.word[w] = _mm512_mask_shuffle_epi32(even[w], 0xAAAA, odd[w], _MM_PERM_CCAA);
    }
    return words;
  }
};

// The 17 values of count - 8. vpermi2 picks among the products of these with a factor by bits 0 .. 4 of a lane and
// ignores the rest, so the low half's count needs no mask and the high half's only a shift.
__m512i CountsLow() { return _mm512_setr_epi32(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7); }
__m512i CountsHigh() { return _mm512_set1_epi32(8); }

void DrawPopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise) {
  const Generator generator(stream);
  const __m512i eight = _mm512_set1_epi16(8);
  for (int64_t g = 0; g < groups; ++g, noise += kPopcountGroup) {
    const Words words = generator.Group(first_group + static_cast<uint32_t>(g));
    for (int w = 0; w < 4; ++w) {
      const __m512i n = _mm512_sub_epi16(_mm512_popcnt_epi16(words.word[w]), eight);
      __m128i* out = reinterpret_cast<__m128i*>(noise + 32 * w);
      _mm_storeu_si128(out, _mm512_cvtepi32_epi8(n));
      _mm_storeu_si128(out + 1, _mm512_cvtepi32_epi8(_mm512_srli_epi32(n, 16)));
    }
  }
}

void AccumulatePopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight, int32_t* sum) {
  const Generator generator(stream);
  const __m512i low = _mm512_mullo_epi32(_mm512_set1_epi32(weight), CountsLow());
  const __m512i high = _mm512_mullo_epi32(_mm512_set1_epi32(weight), CountsHigh());
  for (int64_t g = 0; g < groups; ++g, sum += kPopcountGroup) {
    const Words words = generator.Group(first_group + static_cast<uint32_t>(g));
    for (int w = 0; w < 4; ++w) {
      const __m512i counts = _mm512_popcnt_epi16(words.word[w]);
      const __m512i step0 = _mm512_permutex2var_epi32(low, counts, high);
      const __m512i step1 = _mm512_permutex2var_epi32(low, _mm512_srli_epi32(counts, 16), high);
      int32_t* out = sum + 32 * w;
      _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), step0));
      _mm512_storeu_si512(out + 16, _mm512_add_epi32(_mm512_loadu_si512(out + 16), step1));
    }
  }
}

// Lane b set where bit k of lane b is set.
__mmask16 BitMask(__m512i word, int k) { return _mm512_test_epi32_mask(word, _mm512_set1_epi32(1u << k)); }

void DrawSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise) {
  const Generator generator(stream);
  for (int64_t g = 0; g < groups; ++g, noise += kSignGroup) {
    const Words words = generator.Group(first_group + static_cast<uint32_t>(g));
    for (int w = 0; w < 4; ++w) {
#pragma GCC unroll 32
      for (int k = 0; k < 32; ++k) {
        const __m128i n = _mm_mask_blend_epi8(BitMask(words.word[w], k), _mm_set1_epi8(1), _mm_set1_epi8(-1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(noise + 16 * (32 * w + k)), n);
      }
    }
  }
}

void AccumulateSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight, int32_t* sum) {
  const Generator generator(stream);
  const __m512i plus = _mm512_set1_epi32(weight);
  const __m512i minus = _mm512_set1_epi32(-weight);
  for (int64_t g = 0; g < groups; ++g, sum += kSignGroup) {
    const Words words = generator.Group(first_group + static_cast<uint32_t>(g));
    for (int w = 0; w < 4; ++w) {
#pragma GCC unroll 32
      for (int k = 0; k < 32; ++k) {
        int32_t* out = sum + 16 * (32 * w + k);
        const __m512i step = _mm512_mask_mov_epi32(plus, BitMask(words.word[w], k), minus);
        _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), step));
      }
    }
  }
}

void PerturbWith(const float* theta, const int8_t* noise, float s, int64_t count, float* member) {
  const __m512 scale = _mm512_set1_ps(s);
  for (int64_t i = 0; i < count; i += 16) {
    const int64_t left = count - i;
    const __mmask16 mask = left >= 16 ? 0xFFFF : static_cast<__mmask16>((1u << left) - 1);
    const __m512i n = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, noise + i));
    const __m512 step = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(n));  // exact
    _mm512_mask_storeu_ps(member + i, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, theta + i), step));
  }
}

}  // namespace

const NoiseKernels kAvx512Noise = {"avx512", DrawPopcount, DrawSign, AccumulatePopcount, AccumulateSign, PerturbWith};

}  // namespace seedcast
