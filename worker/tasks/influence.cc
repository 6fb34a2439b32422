#include "worker/tasks/influence.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/strategy/estimator.h"

namespace seedcast {
namespace {

constexpr float kInitialTheta = 0.5f;

// Where an inner training stands.
struct Influence final : InnerState {
  explicit Influence(EpisodeKey episode, int units) : key(episode), s(units, 1.0) {}
  std::unique_ptr<InnerState> Clone() const override { return std::make_unique<Influence>(*this); }
  int64_t Bytes() const override { return static_cast<int64_t>(sizeof(*this) + s.capacity() * sizeof(double)); }

  EpisodeKey key;
  std::vector<double> s;  // (units)
};

// state' = A state + drive b, in place: unit i needs unit i + 1 as it was.
void Step(double drive, int positive, std::vector<double>* state) {
  std::vector<double>& s = *state;
  const auto units = static_cast<int>(s.size());
  for (int i = 0; i < units; ++i) {
    const double next = i + 1 < units ? s[i + 1] : 0;
    s[i] = 0.5 * s[i] + 0.5 * next + (i < positive ? drive : -drive);
  }
}

class InfluenceEvaluator final : public Evaluator {
 public:
  explicit InfluenceEvaluator(const v1::JobSpec* spec) : spec_(*spec), task_(spec->influence()) {}

  absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) override {
    if (theta.size() != 1) return WrongSize(theta.size());
    const auto count = static_cast<int>(UnrollsOfEvaluation(spec_, key.generation, key.cluster, key.pair));
    const int unrolls = task_.unroll().restarts() * count;
    double sum = 0;
    Influence state(key, task_.units());
    for (int unroll = 0; unroll < unrolls; ++unroll) {
      if (unroll % count == 0) state.s.assign(task_.units(), 1.0);
      sum += Advance(theta[0], UnrollSteps(spec_, key.generation, key.cluster, key.pair, unroll), &state);
    }
    return static_cast<float>(sum / unrolls);
  }

  absl::StatusOr<std::unique_ptr<InnerState>> Begin(absl::Span<const float>, const EpisodeKey& key) override {
    return std::make_unique<Influence>(key, task_.units());
  }

  absl::StatusOr<float> Unroll(absl::Span<const float> theta, int64_t generation, InnerState* state) override {
    if (theta.size() != 1) return WrongSize(theta.size());
    Influence& influence = Enter(generation, state);
    return static_cast<float>(Advance(theta[0], StepsOf(influence, generation), &influence));
  }

  // Forward differentiation is exact here and needs no tape: ds/dtheta follows the same recursion, driven by 1, from 0.
  absl::StatusOr<float> UnrollGradient(absl::Span<const float> theta, int64_t generation, InnerState* state,
                                       absl::Span<float> gradient) override {
    if (theta.size() != 1) return WrongSize(theta.size());
    Influence& influence = Enter(generation, state);
    const int64_t steps = StepsOf(influence, generation);
    std::vector<double> derivative(task_.units(), 0.0);
    double loss = 0, slope = 0;
    for (int64_t t = 0; t < steps; ++t) {
      Step(theta[0], task_.positive(), &influence.s);
      Step(1, task_.positive(), &derivative);
      const double error = influence.s[0] - 1;
      loss += 0.5 * error * error;
      slope += error * derivative[0];
    }
    gradient[0] = static_cast<float>(-slope / static_cast<double>(steps));
    return static_cast<float>(-loss / static_cast<double>(steps));
  }

  absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec& spec,
                                         int32_t) override {
    if (theta.size() != 1) return WrongSize(theta.size());
    const int64_t horizon = int64_t{task_.unroll().steps()} * task_.unroll().count();
    Influence state({}, task_.units());
    const double fitness = Advance(theta[0], spec.steps() > 0 ? spec.steps() : horizon, &state);
    return EpisodeMetrics{static_cast<float>(fitness), std::numeric_limits<float>::quiet_NaN()};
  }

  int64_t ScratchBytes() const override { return static_cast<int64_t>(sizeof(*this)); }

 private:
  // Returns the unroll's fitness.
  double Advance(double theta, int64_t steps, Influence* state) const {
    double loss = 0;
    for (int64_t t = 0; t < steps; ++t) {
      Step(theta, task_.positive(), &state->s);
      const double error = state->s[0] - 1;
      loss += 0.5 * error * error;
    }
    return -loss / static_cast<double>(steps);
  }

  Influence& Enter(int64_t generation, InnerState* state) const {
    auto& influence = static_cast<Influence&>(*state);
    const EpisodeKey& key = influence.key;
    const bool begins = generation == key.generation;
    if (!begins && BoundaryBefore(spec_, generation, key.pair) == Boundary::kRestart) {
      influence.s.assign(task_.units(), 1.0);
    }
    return influence;
  }

  int64_t StepsOf(const Influence& influence, int64_t generation) const {
    return UnrollSteps(spec_, generation, influence.key.cluster, influence.key.pair, 0);
  }

  static absl::Status WrongSize(size_t size) {
    return absl::InvalidArgumentError(absl::StrFormat("theta has %d parameters, expected 1", size));
  }

  const v1::JobSpec& spec_;  // the task's
  const v1::InfluenceTask& task_;
};

class InfluenceBalancing final : public Task {
 public:
  explicit InfluenceBalancing(v1::JobSpec spec) : spec_(std::move(spec)) {}

  int64_t num_parameters() const override { return 1; }
  std::vector<float> InitialTheta() const override { return {kInitialTheta}; }
  std::unique_ptr<Evaluator> NewEvaluator() const override { return std::make_unique<InfluenceEvaluator>(&spec_); }
  bool Supports(v1::Strategy::Estimator) const override { return true; }
  absl::Status CheckEvaluation(const v1::EvaluationSpec&) const override { return absl::OkStatus(); }
  std::string Description() const override {
    const v1::InfluenceTask& task = spec_.influence();
    return absl::StrFormat("influence balancing, %d of %d units positive", task.positive(), task.units());
  }

 private:
  const v1::JobSpec spec_;
};

}  // namespace

InfluenceTruth InfluenceClosedForm(const v1::InfluenceTask& task, int64_t steps, double theta) {
  // row[j] = 2^-k C(k, j), from k to k + 1 by Pascal's rule.
  std::vector<double> row(task.units(), 0.0);
  row[0] = 1;
  double a = 0, loss = 0, slope = 0;
  for (int64_t k = 0; k < steps; ++k) {
    for (int j = 0; j < task.units(); ++j) a += j < task.positive() ? row[j] : -row[j];
    for (int j = task.units() - 1; j > 0; --j) row[j] = 0.5 * (row[j] + row[j - 1]);
    row[0] *= 0.5;
    double c = 0;
    for (const double value : row) c += value;
    const double error = a * theta + c - 1;
    loss += 0.5 * error * error;
    slope += a * error;
  }
  return {-loss / static_cast<double>(steps), -slope / static_cast<double>(steps)};
}

std::unique_ptr<Task> MakeInfluenceTask(const v1::JobSpec& spec) { return std::make_unique<InfluenceBalancing>(spec); }

}  // namespace seedcast
