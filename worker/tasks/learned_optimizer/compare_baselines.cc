#include "worker/tasks/learned_optimizer/compare_baselines.h"

#include <cmath>

namespace seedcast {
namespace {

constexpr float kMomentum = 0.9f;
constexpr float kRmsDecay = 0.9f;
constexpr float kBeta1 = 0.9f;
constexpr float kBeta2 = 0.999f;
constexpr float kEpsilon = 1e-8f;

}  // namespace

const char* BaselineName(Baseline baseline) {
  switch (baseline) {
    case Baseline::kSgd:
      return "SGD";
    case Baseline::kMomentum:
      return "momentum";
    case Baseline::kRmsProp:
      return "RMSProp";
    case Baseline::kAdam:
      return "Adam";
  }
  return "";
}

absl::Span<const float> LearningRateGrid() {
  static constexpr float kGrid[] = {1e-5f, 3e-5f, 1e-4f, 3e-4f, 1e-3f, 3e-3f, 1e-2f, 3e-2f, 0.1f, 0.3f, 1, 3, 10};
  return kGrid;
}

BaselineOptimizer::BaselineOptimizer(Baseline baseline, float learning_rate, int64_t num_parameters)
    : baseline_(baseline), learning_rate_(learning_rate), mean_(num_parameters), square_(num_parameters) {}

void BaselineOptimizer::Step(absl::Span<const float> gradient, absl::Span<float> parameters) {
  bias1_ *= kBeta1;
  bias2_ *= kBeta2;
  const auto mean_share = static_cast<float>(1 / (1 - bias1_));
  const auto square_share = static_cast<float>(1 / (1 - bias2_));
  for (size_t i = 0; i < parameters.size(); ++i) {
    const float g = gradient[i];
    float step = g;
    switch (baseline_) {
      case Baseline::kSgd:
        break;
      case Baseline::kMomentum:
        mean_[i] = kMomentum * mean_[i] + g;
        step = mean_[i];
        break;
      case Baseline::kRmsProp:
        square_[i] = kRmsDecay * square_[i] + (1 - kRmsDecay) * g * g;
        step = g / (std::sqrt(square_[i]) + kEpsilon);
        break;
      case Baseline::kAdam:
        mean_[i] = kBeta1 * mean_[i] + (1 - kBeta1) * g;
        square_[i] = kBeta2 * square_[i] + (1 - kBeta2) * g * g;
        step = mean_share * mean_[i] / (std::sqrt(square_share * square_[i]) + kEpsilon);
        break;
    }
    parameters[i] -= learning_rate_ * step;
  }
}

}  // namespace seedcast
