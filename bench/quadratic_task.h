// Gradient descent on a quadratic, x' = x - theta h x element by element; theta is its learning rate. Loss of a step:
// 1/2 sum_i h_i x_i^2 / 3 after it. Fitness of an unroll: minus the mean loss. For the study of estimators.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/strategy/estimator.h"
#include "worker/tasks/task.h"

namespace seedcast {

class QuadraticTask final : public Task {
 public:
  static constexpr std::array<double, 3> kCurvature = {0.1, 0.3, 1.0};

  // Unrolls as in spec.influence.
  explicit QuadraticTask(v1::JobSpec spec) : spec_(std::move(spec)) {}

  // d fitness / d theta of a whole inner training: x after t steps is (1 - theta h)^t.
  static double TrueGradient(int64_t steps, double theta) {
    double slope = 0;
    for (const double h : kCurvature) {
      double x = 1;
      for (int64_t t = 1; t <= steps; ++t) {
        const double derivative = static_cast<double>(t) * x * -h;
        x *= 1 - theta * h;
        slope += h * x * derivative / kCurvature.size();
      }
    }
    return -slope / static_cast<double>(steps);
  }

  int64_t num_parameters() const override { return 1; }
  std::vector<float> InitialTheta() const override { return {0.3f}; }
  std::unique_ptr<seedcast::Evaluator> NewEvaluator() const override { return std::make_unique<Evaluator>(spec_); }
  bool Supports(v1::Strategy::Estimator) const override { return true; }
  absl::Status CheckEvaluation(const v1::EvaluationSpec&) const override { return absl::OkStatus(); }
  std::string Description() const override { return "quadratic"; }

 private:
  struct State final : InnerState {
    std::unique_ptr<InnerState> Clone() const override { return std::make_unique<State>(*this); }
    int64_t Bytes() const override { return sizeof(*this); }
    std::array<double, 3> x = {1, 1, 1};
  };

  class Evaluator final : public seedcast::Evaluator {
   public:
    explicit Evaluator(const v1::JobSpec& spec) : unroll_(UnrollOf(spec)) {}

    absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey&) override {
      State state;
      return Fitness(theta[0], unroll_.steps() * unroll_.count(), &state).first;
    }
    absl::StatusOr<std::unique_ptr<InnerState>> Begin(absl::Span<const float>, const EpisodeKey&) override {
      return std::make_unique<State>();
    }
    absl::StatusOr<float> Unroll(absl::Span<const float> theta, int64_t, InnerState* state) override {
      return Fitness(theta[0], unroll_.steps(), static_cast<State*>(state)).first;
    }
    absl::StatusOr<float> UnrollGradient(absl::Span<const float> theta, int64_t, InnerState* state,
                                         absl::Span<float> gradient) override {
      const auto [fitness, slope] = Fitness(theta[0], unroll_.steps(), static_cast<State*>(state));
      gradient[0] = slope;
      return fitness;
    }
    absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec&, int32_t) override {
      return EpisodeMetrics{*Evaluate(theta, {}), std::numeric_limits<float>::quiet_NaN()};
    }
    int64_t ScratchBytes() const override { return sizeof(*this); }

   private:
    // And its derivative, with the state at the start held constant.
    static std::pair<float, float> Fitness(double theta, int steps, State* state) {
      double loss = 0, slope = 0;
      std::array<double, 3> derivative = {};
      for (int t = 0; t < steps; ++t) {
        for (size_t i = 0; i < kCurvature.size(); ++i) {
          double& x = state->x[i];
          derivative[i] = (1 - theta * kCurvature[i]) * derivative[i] - kCurvature[i] * x;
          x -= theta * kCurvature[i] * x;
          loss += 0.5 * kCurvature[i] * x * x / kCurvature.size();
          slope += kCurvature[i] * x * derivative[i] / kCurvature.size();
        }
      }
      return {static_cast<float>(-loss / steps), static_cast<float>(-slope / steps)};
    }

    const v1::Unroll& unroll_;
  };

  const v1::JobSpec spec_;
};

}  // namespace seedcast
