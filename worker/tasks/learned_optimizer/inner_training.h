// One instance of a problem under the learned optimizer: from a starting point, step by step, to log objectives.
//
// The log objective of a point is log(f / (f_init + 1e-6) + 1e-6), with f on the whole data set and f_init at the inner
// training's start. An inner training diverges as soon as an objective or a parameter is not finite, or the log
// objective reaches kDivergedLogObjective: this and all its later points then count as that bound, and no more
// steps are made. So a member that diverges is worst, but finite, and never a NaN.
//
// Legend: n parameters of the problem, B = parallel_batches.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/hrnn.h"
#include "worker/tasks/learned_optimizer/hrnn_adjoint.h"
#include "worker/tasks/learned_optimizer/problem.h"

namespace seedcast {

inline constexpr double kDivergedLogObjective = 20;  // 485 million times the objective at the start

// The bound for all that lies above it, and for what is not finite.
double LogObjective(float objective, float initial_objective);

struct TrainingRules {
  int parallel_batches = 1;
  bool doubled_start = false;  // Published.doubled_start
  bool carried_state = false;  // Published.carried_state
  HrnnOptions optimizer;
};

// The gradient of an inner step: the mean over B mini-batches, summed in their order, then multiplied once by 1 / B.
class BatchedGradient {
 public:
  BatchedGradient(const Problem& problem, int parallel_batches);

  // Of mini-batches first_batch .. first_batch + B - 1. Valid until the next call.
  absl::Span<const float> At(absl::Span<const float> parameters, int64_t first_batch, Problem* problem);

  int64_t Bytes() const { return static_cast<int64_t>(sizeof(float) * (mean_.size() + one_.size())); }

 private:
  const int parallel_batches_;
  std::vector<float> mean_;  // (n)
  std::vector<float> one_;   // (n), of one batch
};

// Names the randomness of an instance: data, batches, starting points, and the optimizer's first learning rates.
struct InstanceSeed {
  uint64_t seed;
  uint32_t stream;
  uint32_t substream;

  auto operator<=>(const InstanceSeed&) const = default;  // NOLINT(modernize-use-nullptr): there is none
};

// How far an inner training has come. Without the problem, which follows from its name.
struct TrainingState {
  int restart = 0;
  int64_t batches = 0;  // mini-batches used since the instance began, over all restarts
  float initial_objective = 0;
  bool diverged = false;
  bool fresh = true;              // the optimizer has not stepped since it began
  std::vector<float> parameters;  // (n)
  HrnnState optimizer;

  int64_t Bytes() const;
};

// Log objectives of an unroll.
struct Recorded {
  double sum = 0;
  int64_t count = 0;
  int diverged = 0;  // 1 when the training left the bounds in this unroll

  double mean() const { return sum / static_cast<double>(count); }
  void Add(const Recorded& other);
};

// Scratch for one instance; one thread at a time. The Hrnn is borrowed, and its theta is whatever was set last.
class InnerTraining {
 public:
  InnerTraining(std::unique_ptr<Problem> problem, Hrnn* hrnn, const InstanceSeed& seed, const TrainingRules& rules);

  // Puts `state` at the start of its restart. The first start makes the optimizer's state; so do later ones, unless
  // carried_state keeps it.
  void Start(TrainingState* state) const;

  // f(x_1) .. f(x_steps); with doubled_start f(x_0), f(x_0), f(x_1) .. f(x_steps-1).
  Recorded Unroll(int64_t steps, TrainingState* state);

  // The same, to the bit, and gradient (kHrnnParameters) += scale * d(mean of the recorded) / d theta, with the state
  // at the unroll's start held constant, but for hidden states that have just begun. `theta` is the Hrnn's.
  // Backpropagation keeps every state of the unroll: memory grows with `steps`.
  Recorded UnrollGradient(int64_t steps, double scale, absl::Span<const float> theta, TrainingState* state,
                          absl::Span<double> gradient);

  // What UnrollGradient keeps of each step, for n parameters in T tensors.
  static int64_t BytesOfGradientStep(int64_t parameters, int64_t tensors);

  Problem& problem() const { return *problem_; }
  std::unique_ptr<Problem> ReleaseProblem() { return std::move(problem_); }  // the end of this object's use
  int64_t Bytes() const;

 private:
  // What backpropagation needs of a step.
  struct Step {
    std::vector<float> parameters;  // (n), before it
    std::vector<float> record;      // of HrnnAdjoint, before it
    int64_t first_batch;
    double slope = 0;  // of the log objective by the objective, where the point behind the step is recorded
  };
  struct Tape {
    bool fresh;  // TrainingState's, before the first step
    std::vector<Step> steps;
    std::vector<float> end;  // (n), the parameters behind the last step
  };

  Recorded Run(int64_t steps, TrainingState* state, Tape* tape);
  void TakeStep(TrainingState* state, Tape* tape, Recorded* recorded);
  void Record(TrainingState* state, Tape* tape, Recorded* recorded);
  void Diverge(TrainingState* state, Tape* tape, Recorded* recorded) const;
  std::vector<float> RecordOf(absl::Span<const float> gradient, const HrnnState& optimizer) const;
  void Backpropagate(const Tape& tape, double scale, absl::Span<double> gradient);

  std::unique_ptr<Problem> problem_;
  Hrnn* hrnn_;
  InstanceSeed seed_;
  TrainingRules rules_;
  BatchedGradient gradient_;
  std::unique_ptr<HrnnAdjoint> adjoint_;  // made when first needed
};

}  // namespace seedcast
