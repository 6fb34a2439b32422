// Where a problem's randomness comes from: streams that depend on (seed, stream, substream) of the instance, on what
// they are for and on a number (of the restart, the epoch, the mini-batch), so that any of them can be drawn at any
// time.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "common/noise/philox.h"

namespace seedcast {

class ProblemSeed {
 public:
  enum class Purpose : uint32_t { kData, kStart, kShuffle, kNoise, kSparsity, kPart };

  // The key is a Philox block far from where streams of (seed, stream, substream, domain kTask) start.
  ProblemSeed(uint64_t seed, uint32_t stream, uint32_t substream);

  PhiloxStream Stream(Purpose purpose, int64_t index = 0) const {
    return {key_, static_cast<uint32_t>(index), static_cast<uint32_t>(static_cast<uint64_t>(index) >> 32),
            static_cast<uint32_t>(purpose)};
  }
  // Of a problem inside this one.
  ProblemSeed Part(int index) const;

 private:
  explicit ProblemSeed(const PhiloxBlock& block) : key_(block[0] | uint64_t{block[1]} << 32) {}
  uint64_t key_;
};

// Independent N(0, 1) by Box and Muller's method; 32 numbers of the stream for every 32 or part of it.
void FillNormals(PhiloxStream& random, absl::Span<float> values);

// Independent, uniform in (low, high).
void FillUniform(PhiloxStream& random, float low, float high, absl::Span<float> values);

}  // namespace seedcast
