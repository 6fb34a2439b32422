// The estimate g of one generation (the equations stand in estimator.h), block by block of parameters.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/noise/noise.h"
#include "common/strategy/outcome.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

class Estimate {
 public:
  static constexpr int64_t kBlock = 2048;
  // What the pairs of even and of odd number add to G: their sum is G, exactly, so that summing by halves changes no
  // bit of g.
  struct Halves {
    int64_t even[kBlock];
    int64_t odd[kBlock];
  };

  // `spec` is resolved, `outcome` of its sizes; both are borrowed.
  Estimate(const v1::JobSpec& spec, int64_t generation, const Outcome& outcome);

  // From now on At may be asked for halves. Not for GRADIENT.
  void SumByHalves();

  // g of parameters [first, first + g.size()): at most kBlock, `first` a multiple of it. Thread-safe.
  void At(int64_t first, absl::Span<float> g, Halves* halves = nullptr) const;

  const std::vector<int32_t>& weights() const { return weights_; }  // w_p; empty for GRADIENT

  // Noises to be drawn for each parameter: what an update costs.
  int64_t noises() const { return noises_; }

 private:
  // Noise of one generation, and what each of its pairs weighs.
  struct Term {
    NoiseKey key;  // of pair 0
    std::vector<int32_t> weights;
    bool odd = false;  // belongs to Halves::odd
  };
  void AddTerms(int64_t generation);
  void SumNoise(int64_t first, absl::Span<float> g, Halves* halves) const;
  void ClipGradient(int64_t first, absl::Span<float> g) const;

  const v1::JobSpec& spec_;
  const absl::Span<const float> gradient_;
  const float scale_;
  std::vector<int32_t> weights_;
  std::vector<Term> terms_;  // oldest generation first
  int64_t noises_ = 0;
};

}  // namespace seedcast
