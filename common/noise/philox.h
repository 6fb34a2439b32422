// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based
// generator, a pure function of (key, counter). This scalar form is the specification of all our randomness.
#pragma once

#include <array>
#include <cstdint>

namespace seedcast {

using PhiloxBlock = std::array<uint32_t, 4>;

inline PhiloxBlock Philox(PhiloxBlock counter, uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return counter;
}

// Numbers one after another from one stream (seed, stream, sub-stream, domain): for episodes, generators, initial
// values.
class PhiloxStream {
 public:
  PhiloxStream(uint64_t seed, uint32_t stream, uint32_t substream, uint32_t domain)
      : seed_(seed), counter_{0, stream, substream, domain} {}

  uint32_t Next() {
    if (used_ == 4) {
      block_ = Philox(counter_, seed_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  // Uniform in [0, n), n > 0, without bias (Lemire 2019, with rejection).
  uint32_t Below(uint32_t n) {
    uint64_t product = uint64_t{Next()} * n;
    if (static_cast<uint32_t>(product) < n) {
      const uint32_t threshold = (0u - n) % n;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{Next()} * n;
    }
    return static_cast<uint32_t>(product >> 32);
  }

  // Uniform in (0, 1): (2k + 1) / 2^24, exact in float32.
  float Uniform() { return static_cast<float>(2 * (Next() >> 9) + 1) * 0x1p-24f; }

 private:
  uint64_t seed_;
  PhiloxBlock counter_;
  PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace seedcast
