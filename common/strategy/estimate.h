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
  // `spec` is resolved, `outcome` of its sizes; both are borrowed.
  Estimate(const v1::JobSpec& spec, int64_t generation, const Outcome& outcome);

  // g of parameters [first, first + g.size()): at most kBlock, `first` a multiple of it. Thread-safe.
  static constexpr int64_t kBlock = 2048;
  void At(int64_t first, absl::Span<float> g) const;

  // Noises to be drawn for each parameter: what an update costs.
  int64_t noises() const { return noises_; }

 private:
  // Noise of one generation, and what each of its pairs weighs.
  struct Term {
    NoiseKey key;  // of pair 0
    std::vector<int32_t> weights;
  };
  void AddTerms(int64_t generation, absl::Span<const float> fitness);
  void SumNoise(int64_t first, absl::Span<float> g) const;
  void ClipGradient(int64_t first, absl::Span<float> g) const;

  const v1::JobSpec& spec_;
  const absl::Span<const float> gradient_;
  const float scale_;
  std::vector<Term> terms_;  // oldest generation first
  int64_t noises_ = 0;
};

}  // namespace seedcast
