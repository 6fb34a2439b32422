// The two members of a pair, made from theta: theta + s n and theta - s n.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/noise/noise.h"
#include "common/strategy/estimator.h"
#include "common/strategy/update.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// Scratch memory of one slot.
class Perturbation {
 public:
  // From now on Member is one of this pair, as it is in `generation`.
  void Draw(const v1::JobSpec& spec, int64_t generation, int64_t pair, size_t num_parameters) {
    const NoiseDistribution distribution = Distribution(spec.strategy());
    s_ = NoiseScale(distribution, SigmaAt(spec, generation));
    noise_.resize(num_parameters);
    member_.resize(num_parameters);
    DrawNoise(distribution, MemberNoise(spec, generation, pair), absl::MakeSpan(noise_));
  }

  // sign: +1 the first member, -1 the second. Valid until the next call. theta has num_parameters.
  absl::Span<const float> Member(absl::Span<const float> theta, int sign) {
    Perturb(theta, noise_, sign > 0 ? s_ : -s_, absl::MakeSpan(member_));
    return member_;
  }

  int64_t ScratchBytes() const { return static_cast<int64_t>(member_.capacity() * sizeof(float) + noise_.capacity()); }

 private:
  float s_ = 0;
  std::vector<float> member_;  // (num_parameters)
  std::vector<int8_t> noise_;  // (num_parameters)
};

}  // namespace seedcast
