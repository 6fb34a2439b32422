// A task with unrolls, and clusters if its spec has them, that does not train anything: its inner state is a chain over
// everything that it was ever given, so that one wrong theta, generation, cluster or pair on the way there shows. Now
// and then, by the bits of theta, an unroll fails, or its fitness is not finite.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/strategy/estimator.h"
#include "worker/tasks/task.h"

namespace seedcast {

struct ChainedTaskOptions {
  int num_parameters = 3;
  int fails_once_in = 0;       // unrolls; 0: never
  int not_finite_once_in = 0;  // 0: never
};

class ChainedTask final : public Task {
 public:
  explicit ChainedTask(v1::JobSpec spec, ChainedTaskOptions options = {}) : spec_(std::move(spec)), options_(options) {}

  int64_t num_parameters() const override { return options_.num_parameters; }
  std::vector<float> InitialTheta() const override { return std::vector<float>(options_.num_parameters, 0.25f); }
  std::unique_ptr<seedcast::Evaluator> NewEvaluator() const override { return std::make_unique<Evaluator>(*this); }
  bool Supports(v1::Strategy::Estimator) const override { return true; }
  absl::Status CheckEvaluation(const v1::EvaluationSpec&) const override { return absl::OkStatus(); }
  std::string Description() const override { return "chained"; }

 private:
  struct State final : InnerState {
    State(EpisodeKey episode, double first) : key(episode), value(first) {}
    std::unique_ptr<InnerState> Clone() const override { return std::make_unique<State>(*this); }
    int64_t Bytes() const override { return sizeof(*this); }
    EpisodeKey key;
    double value;  // about -10 .. 10
  };

  class Evaluator final : public seedcast::Evaluator {
   public:
    explicit Evaluator(const ChainedTask& task) : spec_(task.spec_), options_(task.options_) {}

    absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) override {
      State state(key, First(theta, key));
      const int64_t unrolls = UnrollsOfEvaluation(spec_, key.generation, key.cluster, key.pair);
      for (int i = 0; i < unrolls; ++i) {
        Mix(theta, UnrollSteps(spec_, key.generation, key.cluster, key.pair, i), &state);
      }
      return Fitness(theta, state);
    }

    absl::StatusOr<std::unique_ptr<InnerState>> Begin(absl::Span<const float> theta, const EpisodeKey& key) override {
      return std::make_unique<State>(key, First(theta, key));
    }

    absl::StatusOr<float> Unroll(absl::Span<const float> theta, int64_t generation, InnerState* inner) override {
      auto& state = static_cast<State&>(*inner);
      const Boundary boundary = BoundaryBefore(spec_, generation, state.key.pair);
      if (boundary == Boundary::kRestart) state.value = First(theta, state.key);
      if (boundary == Boundary::kReset && generation != state.key.generation) {
        return absl::InternalError("unrolled beyond its reset");
      }
      Mix(theta, generation + UnrollSteps(spec_, generation, state.key.cluster, state.key.pair, 0), &state);
      return Fitness(theta, state);
    }

    absl::StatusOr<float> UnrollGradient(absl::Span<const float> theta, int64_t generation, InnerState* inner,
                                         absl::Span<float> gradient) override {
      absl::StatusOr<float> fitness = Unroll(theta, generation, inner);
      const double value = static_cast<State&>(*inner).value;
      for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = static_cast<float>(value / static_cast<double>(i + 1));
      return fitness;
    }

    int32_t TakeDiverged() override { return std::exchange(diverged_, 0); }

    absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec&, int32_t) override {
      return EpisodeMetrics{static_cast<float>(Sum(theta)), std::numeric_limits<float>::quiet_NaN()};
    }

    int64_t ScratchBytes() const override { return sizeof(*this); }

   private:
    static double Sum(absl::Span<const float> theta) {
      double sum = 0;
      for (size_t i = 0; i < theta.size(); ++i) sum += theta[i] * static_cast<double>(i % 5 + 1);
      return sum;
    }
    static double First(absl::Span<const float> theta, const EpisodeKey& key) {
      return Sum(theta) + static_cast<double>(key.cluster) + 0.5 * static_cast<double>(key.pair % 8) +
             0.125 * static_cast<double>(key.generation % 16);
    }
    void Mix(absl::Span<const float> theta, int64_t number, State* state) {
      state->value = 0.75 * state->value + Sum(theta) / 8 + static_cast<double>(number % 16) / 32;
      if (state->value > 3) ++diverged_;
    }
    absl::StatusOr<float> Fitness(absl::Span<const float> theta, const State& state) const {
      const uint32_t bits = (std::bit_cast<uint32_t>(theta[0]) * 2654435761u) >> 16;
      if (options_.fails_once_in > 0 && bits % options_.fails_once_in == 0) {
        return absl::InternalError(absl::StrCat("failed at ", theta[0]));
      }
      if (options_.not_finite_once_in > 0 && bits % options_.not_finite_once_in == 1) {
        return std::numeric_limits<float>::quiet_NaN();
      }
      return static_cast<float>(-(state.value - 1) * (state.value - 1));
    }

    const v1::JobSpec& spec_;
    const ChainedTaskOptions& options_;
    int32_t diverged_ = 0;
  };

  const v1::JobSpec spec_;
  const ChainedTaskOptions options_;
};

}  // namespace seedcast
