// One pair of an estimator with carried state (common/strategy/estimator.h), in one generation: its inner trainings are
// taken from the cache, or unrolled again from the thetas of the past; they advance by this generation's unroll, whose
// fitness is the result; and go back to the cache for the next generation.
#pragma once

#include <atomic>
#include <cstdint>

#include "worker/runtime/evaluate_lease.h"

namespace seedcast {

class CarriedPair {
 public:
  CarriedPair(const LeaseWork& work, int64_t pair, Evaluator* evaluator, Perturbation* perturbation);

  // Adds the pair's two fitnesses, and its gradient, to `result`. False when `cancelled` stopped it while it unrolled
  // again; as far as it had come is kept.
  bool Run(const std::atomic<bool>& cancelled, v1::LeaseResult* result);

 private:
  InnerTrainings Begin();
  bool Rebuild(const std::atomic<bool>& cancelled, InnerTrainings* trainings);
  void Advance(int64_t generation, InnerTrainings* trainings);
  absl::StatusOr<float> Unroll(int64_t generation, int sign, InnerTraining* training);
  void AddPersistent(InnerTrainings* trainings, v1::LeaseResult* result);
  void AddTruncated(InnerTrainings* trainings, v1::LeaseResult* result);
  void AddGradient(InnerTrainings* trainings, v1::LeaseResult* result);

  absl::Span<const float> Theta(int64_t generation) const;
  absl::Span<const float> MemberTheta(int64_t generation, int sign);
  // The sign of the member that inner training `index` belongs to; 0: theta itself.
  int SignOf(size_t index) const { return antithetic_ ? (index == 0 ? 1 : -1) : 0; }
  bool GoesOn() const;  // after this generation

  const LeaseWork& work_;
  Evaluator& evaluator_;
  Perturbation& perturbation_;
  const int64_t generation_;
  const EpisodeKey key_;
  const bool antithetic_;  // each member has an inner training of its own
};

}  // namespace seedcast
