// The optimizers that a learned one is compared with, in their textbook forms. One learning rate each; the rest is
// fixed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {

enum class Baseline {
  kSgd,
  kMomentum,  // 0.9
  kRmsProp,   // decay 0.9
  kAdam,      // 0.9, 0.999
};
inline constexpr std::array kBaselines = {Baseline::kSgd, Baseline::kMomentum, Baseline::kRmsProp, Baseline::kAdam};
const char* BaselineName(Baseline baseline);

// The learning rates that tuning tries: 1e-5 .. 10, two a decade.
absl::Span<const float> LearningRateGrid();

class BaselineOptimizer {
 public:
  BaselineOptimizer(Baseline baseline, float learning_rate, int64_t num_parameters);
  void Step(absl::Span<const float> gradient, absl::Span<float> parameters);

 private:
  const Baseline baseline_;
  const float learning_rate_;
  double bias1_ = 1;  // beta^step of Adam's two means
  double bias2_ = 1;
  std::vector<float> mean_;    // (num_parameters)
  std::vector<float> square_;  // (num_parameters)
};

}  // namespace seedcast
