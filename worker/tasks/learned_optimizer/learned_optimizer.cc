#include "worker/tasks/learned_optimizer/learned_optimizer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "common/status_macros.h"
#include "common/strategy/estimator.h"
#include "worker/tasks/learned_optimizer/catalogue.h"
#include "worker/tasks/learned_optimizer/hrnn.h"
#include "worker/tasks/learned_optimizer/instances.h"

namespace seedcast {
namespace {

constexpr int kMaxExpandedProblems = 200;             // of a cluster
constexpr int64_t kPooledBytes = int64_t{128} << 20;  // of a task, for instances that nobody trains on just now
constexpr uint32_t kDraw = 0x100;                     // beside the purposes: which problems an evaluation draws

uint64_t MixedSeed(uint64_t seed, uint32_t purpose, int cluster, int problem) {
  const PhiloxBlock block = Philox({static_cast<uint32_t>(problem), static_cast<uint32_t>(cluster), purpose,
                                    static_cast<uint32_t>(NoiseDomain::kTask)},
                                   seed);
  return uint64_t{block[1]} << 32 | block[0];
}

absl::StatusOr<InstancePurpose> PurposeOf(v1::EvaluationSpec::Split split) {
  switch (split) {
    case v1::EvaluationSpec::TRAIN:
      return InstancePurpose::kTrainSplit;
    case v1::EvaluationSpec::VALIDATION:
      return InstancePurpose::kValidation;
    case v1::EvaluationSpec::TEST:
      return InstancePurpose::kTest;
    default:
      return absl::InvalidArgumentError(absl::StrFormat("split: %d, expected TRAIN, VALIDATION or TEST", split));
  }
}

// The inner trainings of a key, one a problem of its draw.
class LearnedOptimizerState : public InnerState {
 public:
  LearnedOptimizerState(const EpisodeKey& key, size_t problems) : key(key), trainings(problems) {}

  std::unique_ptr<InnerState> Clone() const override { return std::make_unique<LearnedOptimizerState>(*this); }
  int64_t Bytes() const override {
    int64_t bytes = sizeof(*this);
    for (const TrainingState& training : trainings) bytes += training.Bytes();
    return bytes;
  }

  const EpisodeKey key;
  std::vector<TrainingState> trainings;
};

class LearnedOptimizerEvaluator : public Evaluator {
 public:
  explicit LearnedOptimizerEvaluator(std::shared_ptr<const LearnedOptimizerSetting> setting)
      : setting_(std::move(setting)), instances_(*setting_) {}

  absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) override {
    RETURN_IF_ERROR(CheckTheta(theta));
    double sum = 0;
    const std::vector<int> problems = Draw(key);
    for (const int problem : problems) {
      ASSIGN_OR_RETURN(InnerTraining * training, Instance(theta, key, problem));
      sum += Train(key, training);
    }
    return static_cast<float>(-sum / static_cast<double>(problems.size()));
  }

  absl::StatusOr<std::unique_ptr<InnerState>> Begin(absl::Span<const float> theta, const EpisodeKey& key) override {
    RETURN_IF_ERROR(CheckTheta(theta));
    const std::vector<int> problems = Draw(key);
    auto state = std::make_unique<LearnedOptimizerState>(key, problems.size());
    for (size_t i = 0; i < problems.size(); ++i) {
      ASSIGN_OR_RETURN(InnerTraining * training, Instance(theta, key, problems[i]));
      training->Start(&state->trainings[i]);
    }
    return state;
  }

  absl::StatusOr<float> Unroll(absl::Span<const float> theta, int64_t generation, InnerState* state) override {
    return Advance(theta, generation, state, [](int64_t steps, double, InnerTraining& training, TrainingState* inner) {
      return training.Unroll(steps, inner);
    });
  }

  absl::StatusOr<float> UnrollGradient(absl::Span<const float> theta, int64_t generation, InnerState* state,
                                       absl::Span<float> gradient) override {
    std::vector<double> sum(kHrnnParameters);
    ASSIGN_OR_RETURN(const float fitness,
                     Advance(theta, generation, state,
                             [&](int64_t steps, double scale, InnerTraining& training, TrainingState* inner) {
                               return training.UnrollGradient(steps, scale, theta, inner, absl::MakeSpan(sum));
                             }));
    std::transform(sum.begin(), sum.end(), gradient.begin(), [](double value) { return static_cast<float>(value); });
    return fitness;
  }

  int32_t TakeDiverged() override { return std::exchange(diverged_, 0); }

  absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec& spec,
                                         int32_t episode) override {
    RETURN_IF_ERROR(CheckTheta(theta));
    ASSIGN_OR_RETURN(const InstancePurpose purpose, PurposeOf(spec.split()));
    const auto [cluster, problem, round] = Place(episode);
    ASSIGN_OR_RETURN(InnerTraining * training, instances_.Find(theta, {purpose, cluster, round, 0}, problem));
    TrainingState state;
    training->Start(&state);
    const int64_t steps = spec.steps() > 0 ? spec.steps() : StepsOfTraining(setting_->task().unroll());
    const Recorded recorded = training->Unroll(steps, &state);
    const float accuracy =
        training->problem().Accuracy(state.parameters, setting_->task().published().inverted_accuracy());
    // A training that diverged has learnt nothing: 0, and not left out of the mean. NaN without classes stays NaN.
    return EpisodeMetrics{static_cast<float>(-recorded.mean()), state.diverged ? 0 * accuracy : accuracy};
  }

  int64_t ScratchBytes() const override { return instances_.Bytes(); }

 private:
  absl::StatusOr<InnerTraining*> Instance(absl::Span<const float> theta, const EpisodeKey& key, int problem) {
    return instances_.Find(theta,
                           {InstancePurpose::kTraining, key.cluster, static_cast<uint32_t>(key.pair),
                            static_cast<uint32_t>(key.generation)},
                           problem);
  }

  // The problems of an evaluation: all of the cluster in order, or some of them without replacement.
  std::vector<int> Draw(const EpisodeKey& key) const {
    std::vector<int> problems(setting_->clusters[key.cluster].problems.size());
    std::iota(problems.begin(), problems.end(), 0);
    const int wanted = setting_->task().problems_per_evaluation();
    if (wanted == 0) return problems;
    PhiloxStream stream(MixedSeed(setting_->spec.seed(), kDraw, key.cluster, 0), static_cast<uint32_t>(key.pair),
                        static_cast<uint32_t>(key.generation), static_cast<uint32_t>(NoiseDomain::kTask));
    for (int i = 0; i < wanted; ++i) {
      std::swap(problems[i], problems[i + stream.Below(static_cast<uint32_t>(problems.size()) - i)]);
    }
    problems.resize(wanted);
    return problems;
  }

  // Whole inner trainings of one instance: their mean log objective.
  double Train(const EpisodeKey& key, InnerTraining* training) {
    const v1::JobSpec& spec = setting_->spec;
    const auto count = static_cast<int>(UnrollsOfEvaluation(spec, key.generation, key.cluster, key.pair));
    TrainingState state;
    Recorded recorded;
    for (int unroll = 0; unroll < setting_->task().unroll().restarts() * count; ++unroll) {
      if (unroll % count == 0) {
        state.restart = unroll / count;
        training->Start(&state);
      }
      recorded.Add(training->Unroll(UnrollSteps(spec, key.generation, key.cluster, key.pair, unroll), &state));
    }
    diverged_ += recorded.diverged;
    return recorded.mean();
  }

  // One unroll of every inner training of `state`; `run` makes it.
  template <typename Run>
  absl::StatusOr<float> Advance(absl::Span<const float> theta, int64_t generation, InnerState* state, const Run& run) {
    RETURN_IF_ERROR(CheckTheta(theta));
    auto& own = static_cast<LearnedOptimizerState&>(*state);
    const std::vector<int> problems = Draw(own.key);
    const bool restart = generation != own.key.generation &&
                         BoundaryBefore(setting_->spec, generation, own.key.pair) == Boundary::kRestart;
    const int64_t steps = UnrollSteps(setting_->spec, generation, own.key.cluster, own.key.pair, 0);
    const double share = 1 / static_cast<double>(problems.size());
    double sum = 0;
    for (size_t i = 0; i < problems.size(); ++i) {
      ASSIGN_OR_RETURN(InnerTraining * training, Instance(theta, own.key, problems[i]));
      TrainingState& inner = own.trainings[i];
      if (restart) {
        ++inner.restart;
        training->Start(&inner);
      }
      const Recorded recorded = run(steps, -share, *training, &inner);
      diverged_ += recorded.diverged;
      sum += recorded.mean();
    }
    return static_cast<float>(-sum * share);
  }

  struct EpisodePlace {
    int cluster;
    int problem;
    uint32_t round;
  };
  EpisodePlace Place(int32_t episode) const {
    int total = 0;
    for (const ProblemCluster& cluster : setting_->clusters) total += static_cast<int>(cluster.problems.size());
    int problem = episode % total;
    int cluster = 0;
    while (problem >= static_cast<int>(setting_->clusters[cluster].problems.size())) {
      problem -= static_cast<int>(setting_->clusters[cluster++].problems.size());
    }
    return {cluster, problem, static_cast<uint32_t>(episode / total)};
  }

  static absl::Status CheckTheta(absl::Span<const float> theta) {
    if (theta.size() == kHrnnParameters) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrFormat("theta has %d parameters, expected %d", theta.size(), kHrnnParameters));
  }

  const std::shared_ptr<const LearnedOptimizerSetting> setting_;
  Instances instances_;
  int32_t diverged_ = 0;
};

class LearnedOptimizerTask : public Task {
 public:
  explicit LearnedOptimizerTask(std::shared_ptr<const LearnedOptimizerSetting> setting)
      : setting_(std::move(setting)) {}

  int64_t num_parameters() const override { return kHrnnParameters; }
  std::vector<float> InitialTheta() const override { return InitialHrnnTheta(setting_->spec.seed()); }
  std::unique_ptr<Evaluator> NewEvaluator() const override {
    return std::make_unique<LearnedOptimizerEvaluator>(setting_);
  }
  bool Supports(v1::Strategy::Estimator) const override { return true; }
  absl::Status CheckMemory(int64_t bytes) const override;
  absl::Status CheckEvaluation(const v1::EvaluationSpec& spec) const override {
    return PurposeOf(spec.split()).status();
  }
  std::string Description() const override {
    size_t problems = 0;
    for (const ProblemCluster& cluster : setting_->clusters) problems += cluster.problems.size();
    const size_t clusters = setting_->clusters.size();
    return absl::StrFormat("generated: %d problem%s in %d cluster%s, for the hierarchical RNN optimizer", problems,
                           problems == 1 ? "" : "s", clusters, clusters == 1 ? "" : "s");
  }

 private:
  const std::shared_ptr<const LearnedOptimizerSetting> setting_;
};

// GRADIENT keeps all steps of an unroll, of one problem at a time; the other estimators keep none.
absl::Status LearnedOptimizerTask::CheckMemory(int64_t bytes) const {
  if (setting_->spec.strategy().estimator() != v1::Strategy::GRADIENT) return absl::OkStatus();
  const int64_t steps = MostUnrollSteps(setting_->spec);
  for (const ProblemCluster& cluster : setting_->clusters) {
    for (const std::string& problem : cluster.problems) {
      ASSIGN_OR_RETURN(const ProblemShape shape, ShapeOfProblem(problem));
      const int64_t step_bytes = InnerTraining::BytesOfGradientStep(shape.parameters, shape.tensors);
      if (steps <= bytes / step_bytes) continue;
      return absl::InvalidArgumentError(absl::StrFormat(
          "learned_optimizer.unroll.steps: %d, expected unrolls of at most %d steps where these have up "
          "to %d: GRADIENT keeps %d bytes of each step of %s, and there are %d MiB",
          setting_->task().unroll().steps(), bytes / step_bytes, steps, step_bytes, problem, bytes >> 20));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDraw(const v1::LearnedOptimizerTask& task, const std::vector<ProblemCluster>& clusters) {
  for (const ProblemCluster& cluster : clusters) {
    if (task.problems_per_evaluation() <= static_cast<int>(cluster.problems.size())) continue;
    return absl::InvalidArgumentError(absl::StrFormat(
        "learned_optimizer.problems_per_evaluation: %d, expected at most %d, the problems of cluster %s",
        task.problems_per_evaluation(), cluster.problems.size(), cluster.name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ProblemCluster>> ExpandClusters(const v1::LearnedOptimizerTask& task) {
  std::vector<ProblemCluster> clusters;
  for (int c = 0; c < task.clusters_size(); ++c) {
    ProblemCluster& cluster = clusters.emplace_back(ProblemCluster{task.clusters(c).name(), {}});
    for (int i = 0; i < task.clusters(c).problems_size(); ++i) {
      const auto members = ExpandProblem(task.clusters(c).problems(i));
      if (!members.ok()) {
        return absl::Status(members.status().code(), absl::StrFormat("learned_optimizer.clusters[%d].problems[%d]: %s",
                                                                     c, i, std::string(members.status().message())));
      }
      cluster.problems.insert(cluster.problems.end(), members->begin(), members->end());
    }
    if (cluster.problems.size() > kMaxExpandedProblems) {
      return absl::InvalidArgumentError(
          absl::StrFormat("learned_optimizer.clusters[%d].problems: %d problems, expected "
                          "at most %d",
                          c, cluster.problems.size(), kMaxExpandedProblems));
    }
  }
  return clusters;
}

InstanceSeed NameInstance(uint64_t seed, InstancePurpose purpose, int cluster, int problem, uint32_t stream,
                          uint32_t substream) {
  return {MixedSeed(seed, static_cast<uint32_t>(purpose), cluster, problem), stream, substream};
}

TrainingRules RulesOf(const v1::LearnedOptimizerTask& task) {
  const v1::LearnedOptimizerTask::Published& published = task.published();
  return {task.parallel_batches(), published.doubled_start(), published.carried_state(),
          HrnnOptions{published.global_from_last_tensor()}};
}

int64_t StepsOfTraining(const v1::Unroll& unroll) {
  const int64_t floor = unroll.lengths() == v1::Unroll::EXPONENTIAL ? unroll.min_steps() : 0;
  return (floor + unroll.steps()) * unroll.count();
}

absl::StatusOr<std::unique_ptr<Task>> MakeLearnedOptimizerTask(const v1::JobSpec& spec) {
  ASSIGN_OR_RETURN(std::vector<ProblemCluster> clusters, ExpandClusters(spec.learned_optimizer()));
  RETURN_IF_ERROR(CheckDraw(spec.learned_optimizer(), clusters));
  auto setting = std::make_shared<const LearnedOptimizerSetting>(LearnedOptimizerSetting{
      spec, std::move(clusters), RulesOf(spec.learned_optimizer()), std::make_unique<InstancePool>(kPooledBytes)});
  return std::make_unique<LearnedOptimizerTask>(std::move(setting));
}

}  // namespace seedcast
