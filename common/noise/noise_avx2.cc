// AVX2: eight Philox blocks at a time, the halves 0-7 and 8-15 of a group of 16 after one another. Words stay in the
// low halves of 64-bit lanes through the rounds, as in noise_avx512.cc.
#include <immintrin.h>

#include "common/noise/noise_kernels.h"

namespace seedcast {
namespace {

constexpr int kLanes = 8;

struct Words {
  __m256i word[4];  // word w of eight blocks, one 32-bit lane a block
};

struct Generator {
  __m256i key0[10];
  __m256i key1[10];
  __m256i pair;
  __m256i generation;
  __m256i domain;

  explicit Generator(const NoiseStream& stream) {
    uint32_t k0 = stream.key[0];
    uint32_t k1 = stream.key[1];
    for (int round = 0; round < 10; ++round) {
      key0[round] = _mm256_set1_epi64x(k0);
      key1[round] = _mm256_set1_epi64x(k1);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    pair = _mm256_set1_epi64x(stream.pair);
    generation = _mm256_set1_epi64x(stream.generation);
    domain = _mm256_set1_epi64x(stream.domain);
  }

  void Four(__m256i block, __m256i out[4]) const {
    const __m256i multiplier0 = _mm256_set1_epi64x(0xD2511F53);
    const __m256i multiplier1 = _mm256_set1_epi64x(0xCD9E8D57);
    __m256i c0 = block, c1 = pair, c2 = generation, c3 = domain;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const __m256i p0 = _mm256_mul_epu32(multiplier0, c0);
      const __m256i p1 = _mm256_mul_epu32(multiplier1, c2);
      c0 = _mm256_xor_si256(_mm256_srli_epi64(p1, 32), _mm256_xor_si256(c1, key0[round]));
      c1 = p1;
      c2 = _mm256_xor_si256(_mm256_srli_epi64(p0, 32), _mm256_xor_si256(c3, key1[round]));
      c3 = p0;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
  }

  // Blocks first .. first + 7.
  Words Eight(uint32_t first) const {
    const __m256i even_blocks =
        _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(first)), _mm256_setr_epi64x(0, 2, 4, 6));
    const __m256i odd_blocks = _mm256_add_epi32(even_blocks, _mm256_set1_epi64x(1));
    __m256i even[4], odd[4];
    Four(even_blocks, even);
    Four(odd_blocks, odd);
    Words words;
    for (int w = 0; w < 4; ++w) {
      words.word[w] = _mm256_blend_epi32(even[w], _mm256_slli_epi64(odd[w], 32), 0xAA);
    }
    return words;
  }
};

// popcount - 8 of each 16-bit lane: a table of nibbles, then neighbouring bytes summed.
__m256i PopcountNoise(__m256i bits) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i nibble = _mm256_set1_epi8(0x0F);
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
  const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble));
  const __m256i counts = _mm256_maddubs_epi16(_mm256_add_epi8(low, high), _mm256_set1_epi8(1));
  return _mm256_sub_epi16(counts, _mm256_set1_epi16(8));
}

__m256i LowHalves(__m256i n) { return _mm256_srai_epi32(_mm256_slli_epi32(n, 16), 16); }
__m256i HighHalves(__m256i n) { return _mm256_srai_epi32(n, 16); }

// Eight int32 in int8's range -> eight int8.
void StoreBytes(__m256i n, int8_t* out) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packs_epi16(words, words));
}

void AddFloats(const float* theta, __m256 step, float* member) {
  _mm256_storeu_ps(member, _mm256_add_ps(_mm256_loadu_ps(theta), step));
}

void AddInts(__m256i step, int32_t* sum) {
  __m256i* out = reinterpret_cast<__m256i*>(sum);
  _mm256_storeu_si256(out, _mm256_add_epi32(_mm256_loadu_si256(out), step));
}

// Calls visit(i, n) for n of the eight parameters i .. i + 7, as int32 lanes.
template <typename Visit>
void ForEachPopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, Visit visit) {
  const Generator generator(stream);
  const uint32_t first_block = first_group * kBlocksPerGroup;
  for (int64_t eight = 0; eight < 2 * groups; ++eight) {
    const Words words = generator.Eight(first_block + static_cast<uint32_t>(kLanes * eight));
    const int64_t base = eight / 2 * kPopcountGroup + eight % 2 * kLanes;
    for (int w = 0; w < 4; ++w) {
      const __m256i n = PopcountNoise(words.word[w]);
      visit(base + 32 * w, LowHalves(n));
      visit(base + 32 * w + 16, HighHalves(n));
    }
  }
}

// Calls visit(i, bit) for the eight parameters i .. i + 7; the top bit of each lane is the parameter's bit.
template <typename Visit>
void ForEachSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, Visit visit) {
  const Generator generator(stream);
  const uint32_t first_block = first_group * kBlocksPerGroup;
  for (int64_t eight = 0; eight < 2 * groups; ++eight) {
    const Words words = generator.Eight(first_block + static_cast<uint32_t>(kLanes * eight));
    const int64_t base = eight / 2 * kSignGroup + eight % 2 * kLanes;
    for (int w = 0; w < 4; ++w) {
#pragma GCC unroll 32
      for (int k = 0; k < 32; ++k) visit(base + 16 * (32 * w + k), _mm256_slli_epi32(words.word[w], 31 - k));
    }
  }
}

// -1 where the top bit is set, else 1.
__m256i SignNoise(__m256i bit) { return _mm256_or_si256(_mm256_srai_epi32(bit, 31), _mm256_set1_epi32(1)); }

void DrawPopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise) {
  ForEachPopcount(stream, first_group, groups, [&](int64_t i, __m256i n) { StoreBytes(n, noise + i); });
}

void DrawSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, int8_t* noise) {
  ForEachSign(stream, first_group, groups, [&](int64_t i, __m256i bit) { StoreBytes(SignNoise(bit), noise + i); });
}

void AccumulatePopcount(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight, int32_t* sum) {
  const __m256i weights = _mm256_set1_epi32(weight);
  ForEachPopcount(stream, first_group, groups,
                  [&](int64_t i, __m256i n) { AddInts(_mm256_mullo_epi32(weights, n), sum + i); });
}

void AccumulateSign(const NoiseStream& stream, uint32_t first_group, int64_t groups, int32_t weight, int32_t* sum) {
  const __m256i weights = _mm256_set1_epi32(weight);
  ForEachSign(stream, first_group, groups,
              [&](int64_t i, __m256i bit) { AddInts(_mm256_sign_epi32(weights, SignNoise(bit)), sum + i); });
}

void PerturbWith(const float* theta, const int8_t* noise, float s, int64_t count, float* member) {
  const __m256 scale = _mm256_set1_ps(s);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m256i n = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(noise + i)));
    AddFloats(theta + i, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(n)), member + i);
  }
  for (; i < count; ++i) member[i] = theta[i] + s * static_cast<float>(noise[i]);
}

}  // namespace

const NoiseKernels kAvx2Noise = {"avx2", DrawPopcount, DrawSign, AccumulatePopcount, AccumulateSign, PerturbWith};

}  // namespace seedcast
