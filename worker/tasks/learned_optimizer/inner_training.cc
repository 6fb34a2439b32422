#include "worker/tasks/learned_optimizer/inner_training.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/math/elementary.h"

namespace seedcast {
namespace {

constexpr double kEpsilon = 1e-6;

bool AllFinite(absl::Span<const float> values) {
  bool finite = true;
  for (const float value : values) finite &= std::abs(value) < INFINITY;
  return finite;
}

// Objectives are >= 0; one that rounding made a little less counts as 0.
double Ratio(float objective, float initial_objective) {
  return std::max<double>(objective, 0) / (double{initial_objective} + kEpsilon);
}

// d LogObjective / d objective.
double Slope(float objective, float initial_objective) {
  return 1 / ((Ratio(objective, initial_objective) + kEpsilon) * (double{initial_objective} + kEpsilon));
}

void AddScaled(absl::Span<const float> values, float scale, absl::Span<float> sum) {
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += scale * values[i];
}

}  // namespace

double LogObjective(float objective, float initial_objective) {
  if (!std::isfinite(objective) || !std::isfinite(initial_objective)) return kDivergedLogObjective;
  return std::min(Log(Ratio(objective, initial_objective) + kEpsilon), kDivergedLogObjective);
}

int64_t TrainingState::Bytes() const {
  return static_cast<int64_t>(sizeof(*this) + sizeof(float) * parameters.size()) + optimizer.Bytes();
}

void Recorded::Add(const Recorded& other) {
  sum += other.sum;
  count += other.count;
  diverged += other.diverged;
}

BatchedGradient::BatchedGradient(const Problem& problem, int parallel_batches)
    : parallel_batches_(parallel_batches), mean_(problem.num_parameters()), one_(problem.num_parameters()) {}

absl::Span<const float> BatchedGradient::At(absl::Span<const float> parameters, int64_t first_batch, Problem* problem) {
  problem->Gradient(parameters, first_batch, absl::MakeSpan(mean_));
  if (parallel_batches_ == 1) return mean_;
  for (int b = 1; b < parallel_batches_; ++b) {
    problem->Gradient(parameters, first_batch + b, absl::MakeSpan(one_));
    AddScaled(one_, 1, absl::MakeSpan(mean_));
  }
  const float share = 1.0f / static_cast<float>(parallel_batches_);
  for (float& value : mean_) value *= share;
  return mean_;
}

InnerTraining::InnerTraining(std::unique_ptr<Problem> problem, Hrnn* hrnn, const InstanceSeed& seed,
                             const TrainingRules& rules)
    : problem_(std::move(problem)),
      hrnn_(hrnn),
      seed_(seed),
      rules_(rules),
      gradient_(*problem_, rules.parallel_batches) {}

void InnerTraining::Start(TrainingState* state) const {
  state->parameters.resize(problem_->num_parameters());
  problem_->InitialParameters(state->restart, absl::MakeSpan(state->parameters));
  // What diverged has no state worth carrying.
  if (state->restart == 0 || !rules_.carried_state || state->diverged) {
    hrnn_->Begin(seed_.seed + state->restart, seed_.stream, seed_.substream, &state->optimizer);
    state->fresh = true;
  }
  state->initial_objective = problem_->Objective(state->parameters);
  state->diverged = false;
}

Recorded InnerTraining::Unroll(int64_t steps, TrainingState* state) { return Run(steps, state, nullptr); }

Recorded InnerTraining::UnrollGradient(int64_t steps, double scale, absl::Span<const float> theta, TrainingState* state,
                                       absl::Span<double> gradient) {
  if (adjoint_ == nullptr) adjoint_ = std::make_unique<HrnnAdjoint>(problem_->tensor_sizes(), rules_.optimizer);
  adjoint_->SetTheta(theta);
  Tape tape;
  tape.fresh = state->fresh;
  const Recorded recorded = Run(steps, state, &tape);
  Backpropagate(tape, scale / static_cast<double>(recorded.count), gradient);
  return recorded;
}

// A growing vector of steps may be half empty.
int64_t InnerTraining::BytesOfGradientStep(int64_t parameters, int64_t tensors) {
  return static_cast<int64_t>(sizeof(float)) * (HrnnRecordSize(parameters, tensors) + parameters) +
         static_cast<int64_t>(2 * sizeof(Step));
}

Recorded InnerTraining::Run(int64_t steps, TrainingState* state, Tape* tape) {
  Recorded recorded;
  if (rules_.doubled_start) {
    Record(state, tape, &recorded);
    recorded.sum *= 2;
    recorded.count *= 2;
  }
  for (int64_t step = 1; step <= steps; ++step) {
    TakeStep(state, tape, &recorded);
    if (!rules_.doubled_start || step < steps) Record(state, tape, &recorded);
  }
  if (tape != nullptr && tape->end.empty()) tape->end = state->parameters;
  return recorded;
}

void InnerTraining::TakeStep(TrainingState* state, Tape* tape, Recorded* recorded) {
  const int64_t first_batch = std::exchange(state->batches, state->batches + rules_.parallel_batches);
  if (state->diverged) return;
  const absl::Span<const float> gradient = gradient_.At(state->parameters, first_batch, problem_.get());
  if (tape != nullptr) {
    tape->steps.push_back({state->parameters, RecordOf(gradient, state->optimizer), first_batch});
  }
  state->fresh = false;
  hrnn_->Step(gradient, &state->optimizer, absl::MakeSpan(state->parameters));
  if (!AllFinite(state->parameters)) Diverge(state, tape, recorded);
}

void InnerTraining::Record(TrainingState* state, Tape* tape, Recorded* recorded) {
  double value = kDivergedLogObjective;
  if (!state->diverged) {
    const float objective = problem_->Objective(state->parameters);
    value = LogObjective(objective, state->initial_objective);
    if (value == kDivergedLogObjective) {
      Diverge(state, tape, recorded);
    } else if (tape != nullptr && !tape->steps.empty()) {
      tape->steps.back().slope = Slope(objective, state->initial_objective);
    }
  }
  recorded->sum += value;
  ++recorded->count;
}

// The bound is a constant: the step that led beyond it, and all behind, have no gradient.
void InnerTraining::Diverge(TrainingState* state, Tape* tape, Recorded* recorded) const {
  state->diverged = true;
  recorded->diverged = 1;
  if (tape == nullptr || tape->steps.empty()) return;
  tape->end = std::move(tape->steps.back().parameters);
  tape->steps.pop_back();
}

std::vector<float> InnerTraining::RecordOf(absl::Span<const float> gradient, const HrnnState& optimizer) const {
  std::vector<float> record(adjoint_->RecordSize());
  adjoint_->Record(gradient, optimizer, absl::MakeSpan(record));
  return record;
}

// From the last step to the first. The adjoint of the parameters collects what they owe to the objective behind the
// step, then, through the Hessian of each mini-batch, to the step's gradient.
void InnerTraining::Backpropagate(const Tape& tape, double scale, absl::Span<double> gradient) {
  const size_t n = problem_->num_parameters();
  std::vector<float> parameters(n), of_gradient(n), product(n);
  HrnnState state;
  state.Resize(problem_->num_parameters(), static_cast<int64_t>(problem_->tensor_sizes().size()));
  const float share = 1.0f / static_cast<float>(rules_.parallel_batches);
  for (size_t k = tape.steps.size(); k-- > 0;) {
    const Step& step = tape.steps[k];
    if (step.slope != 0) {
      problem_->ObjectiveGradient(k + 1 < tape.steps.size() ? tape.steps[k + 1].parameters : tape.end,
                                  absl::MakeSpan(product));
      AddScaled(product, static_cast<float>(scale * step.slope), absl::MakeSpan(parameters));
    }
    adjoint_->StepBackward(step.record, parameters, &state, absl::MakeSpan(of_gradient), gradient);
    for (int b = 0; b < rules_.parallel_batches; ++b) {
      problem_->HessianTimes(step.parameters, step.first_batch + b, of_gradient, absl::MakeSpan(product));
      AddScaled(product, share, absl::MakeSpan(parameters));
    }
  }
  if (tape.fresh) adjoint_->BeginBackward(state, gradient);
}

int64_t InnerTraining::Bytes() const { return problem_->Bytes() + gradient_.Bytes(); }

}  // namespace seedcast
