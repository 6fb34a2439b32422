#include "worker/tasks/learned_optimizer/compare.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/status_macros.h"
#include "worker/tasks/learned_optimizer/catalogue.h"
#include "worker/tasks/learned_optimizer/compare_baselines.h"
#include "worker/tasks/learned_optimizer/expression.h"
#include "worker/tasks/learned_optimizer/hrnn.h"
#include "worker/tasks/learned_optimizer/inner_training.h"
#include "worker/tasks/learned_optimizer/learned_optimizer.h"

namespace seedcast {
namespace {

constexpr int kCurvePoints = 50;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int kOptimizers = 1 + static_cast<int>(kBaselines.size());  // the learned one first

struct Family {
  std::string name;
  bool trained;
  std::vector<std::string> problems;
};

// What the untrained family is taken from: families of the default set, and then others, for whoever trains on that.
constexpr const char* kCandidates[] = {"norm", "matmul",           "log_objective", "rescale",      "sum",    "softmax",
                                       "bowl", "dependency_chain", "outward_snake", "min_max_well", "convnet"};

void AddKinds(const Expression& expression, std::set<std::string>* kinds) {
  kinds->insert(expression.kind);
  for (const Expression& inner : expression.problems) AddKinds(inner, kinds);
}

// The kinds that problems are made of: norm is one of those of rescale(norm(18, 2), 50).
absl::StatusOr<std::set<std::string>> KindsOf(const std::vector<std::string>& problems) {
  std::set<std::string> kinds;
  for (const std::string& problem : problems) {
    ASSIGN_OR_RETURN(const Expression expression, ParseExpression(problem, {}));
    AddKinds(expression, &kinds);
  }
  return kinds;
}

// The families of the comparison: the clusters, then one of which none of them has any kind, if there is one.
absl::StatusOr<std::vector<Family>> FamiliesOf(const v1::LearnedOptimizerTask& task, const std::string& untrained) {
  ASSIGN_OR_RETURN(const std::vector<ProblemCluster> clusters, ExpandClusters(task));
  std::vector<Family> families;
  std::set<std::string> kinds;
  for (const ProblemCluster& cluster : clusters) {
    families.push_back({cluster.name, true, cluster.problems});
    ASSIGN_OR_RETURN(const std::set<std::string> own, KindsOf(cluster.problems));
    kinds.insert(own.begin(), own.end());
  }
  if (!untrained.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> problems, ExpandProblem(untrained));
    families.push_back({untrained, false, problems});
    return families;
  }
  for (const char* candidate : kCandidates) {
    ASSIGN_OR_RETURN(const std::vector<std::string> problems, ExpandProblem(candidate));
    ASSIGN_OR_RETURN(const std::set<std::string> own, KindsOf(problems));
    if (std::any_of(own.begin(), own.end(), [&](const std::string& kind) { return kinds.contains(kind); })) continue;
    families.push_back({candidate, false, problems});
    break;
  }
  return families;
}

struct Run {
  std::vector<double> curve;  // (points)
  double accuracy = kNone;
  bool diverged = false;

  double last() const { return curve.back(); }
};

// Trains one instance again and again from the same start.
class Contest {
 public:
  Contest(Problem* problem, const v1::LearnedOptimizerTask& task, const std::vector<int64_t>& points)
      : problem_(*problem), task_(task), points_(points), gradient_(*problem, task.parallel_batches()) {}

  // step(gradient, parameters) moves the parameters. Only the last point is looked at unless `whole_curve`.
  template <typename Step>
  Run Train(const Step& step, bool whole_curve) {
    std::vector<float> parameters(problem_.num_parameters());
    problem_.InitialParameters(0, absl::MakeSpan(parameters));
    const float initial = problem_.Objective(parameters);
    Run run;
    int64_t done = 0;
    for (const int64_t point : points_) {
      for (; done < point && !run.diverged; ++done) {
        step(gradient_.At(parameters, done * task_.parallel_batches(), &problem_), absl::MakeSpan(parameters));
      }
      if (!whole_curve && point != points_.back()) continue;
      const double value = run.diverged ? kDivergedLogObjective : LogObjective(problem_.Objective(parameters), initial);
      run.diverged |= value == kDivergedLogObjective;
      run.curve.push_back(value);
    }
    const float accuracy = problem_.Accuracy(parameters, task_.published().inverted_accuracy());
    run.accuracy = run.diverged ? 0 * accuracy : accuracy;  // 0, and not left out of the mean; NaN stays NaN
    return run;
  }

  Run TrainBaseline(Baseline baseline, float learning_rate, bool whole_curve) {
    BaselineOptimizer optimizer(baseline, learning_rate, problem_.num_parameters());
    return Train([&](auto gradient, auto parameters) { optimizer.Step(gradient, parameters); }, whole_curve);
  }

  Run TrainLearned(absl::Span<const float> theta, const InstanceSeed& seed) {
    const auto hrnn = MakeHrnn(problem_.tensor_sizes(), {task_.published().global_from_last_tensor()});
    hrnn->SetTheta(theta);
    HrnnState state;
    hrnn->Begin(seed.seed, seed.stream, seed.substream, &state);
    return Train([&](auto gradient, auto parameters) { hrnn->Step(gradient, &state, parameters); }, true);
  }

 private:
  Problem& problem_;
  const v1::LearnedOptimizerTask& task_;
  const std::vector<int64_t>& points_;
  BatchedGradient gradient_;
};

// Mean and interval of independent values, those that are not NaN.
MeanAndInterval IntervalOf(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  int64_t count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  if (count == 0) return {kNone, kNone};
  const double mean = sum / static_cast<double>(count);
  for (const double value : values) squares += std::isnan(value) ? 0 : (value - mean) * (value - mean);
  if (count == 1) return {mean, kNone};
  // The 97.5 % quantile of Student's t by its expansion about the normal one (Abramowitz and Stegun 26.7.5).
  const double z = 1.959964, z3 = z * z * z, z5 = z3 * z * z, nu = static_cast<double>(count - 1);
  const double t = z + (z3 + z) / (4 * nu) + (5 * z5 + 16 * z3 + 3 * z) / (96 * nu * nu);
  return {mean, t * std::sqrt(squares / nu / static_cast<double>(count))};
}

double MeanOf(const std::vector<double>& values) { return IntervalOf(values).mean; }

// The work in units of (family, seed), each of which trains all problems of the family: results have fixed places, so
// that threads may take units in any order.
class Comparer {
 public:
  Comparer(const v1::JobSpec& spec, absl::Span<const float> theta, const ComparisonOptions& options,
           std::vector<Family> families, std::vector<int64_t> points,
           const std::function<bool(int done, int total)>& on_progress)
      : spec_(spec),
        theta_(theta),
        options_(options),
        families_(std::move(families)),
        points_(std::move(points)),
        on_progress_(on_progress),
        total_(static_cast<int>(families_.size()) * (options.seeds + options.tuning_seeds)) {}

  absl::StatusOr<std::vector<FamilyResult>> Compare() {
    const int families = static_cast<int>(families_.size());
    tuned_.assign(families * options_.tuning_seeds, {});
    RETURN_IF_ERROR(ForAll(families * options_.tuning_seeds, [&](int unit) { return Tune(unit); }));
    for (int family = 0; family < families; ++family) rates_.push_back(BestRates(family));
    runs_.assign(families * options_.seeds, {});
    RETURN_IF_ERROR(ForAll(families * options_.seeds, [&](int unit) { return Test(unit); }));
    std::vector<FamilyResult> results;
    results.reserve(families);
    for (int family = 0; family < families; ++family) results.push_back(Summary(family));
    return results;
  }

 private:
  // Final log objectives, (problem, baseline, learning rate).
  using Tuning = std::vector<double>;
  // (problem, optimizer).
  using Runs = std::vector<Run>;

  absl::StatusOr<std::unique_ptr<Problem>> Instance(int family, int problem, const InstanceSeed& seed) const {
    const ProblemOptions options{spec_.learned_optimizer().published().unapplied_noise()};
    return MakeProblem(families_[family].problems[problem], options, seed.seed, seed.stream, seed.substream);
  }

  absl::Status Tune(int unit) {
    const int family = unit / options_.tuning_seeds, seed = unit % options_.tuning_seeds;
    for (size_t i = 0; i < families_[family].problems.size(); ++i) {
      const int index = static_cast<int>(i);
      ASSIGN_OR_RETURN(
          const auto problem,
          Instance(family, index, NameInstance(spec_.seed(), InstancePurpose::kTuning, family, index, seed, 0)));
      Contest contest(problem.get(), spec_.learned_optimizer(), points_);
      for (const Baseline baseline : kBaselines) {
        for (const float rate : LearningRateGrid()) {
          tuned_[unit].push_back(contest.TrainBaseline(baseline, rate, /*whole_curve=*/false).last());
        }
      }
    }
    return absl::OkStatus();
  }

  // Of each baseline; the smallest of equals.
  std::vector<float> BestRates(int family) const {
    const size_t grid = LearningRateGrid().size();
    const size_t block = kBaselines.size() * grid;
    std::vector<double> sums(block);
    for (int seed = 0; seed < options_.tuning_seeds; ++seed) {
      const Tuning& values = tuned_[family * options_.tuning_seeds + seed];
      for (size_t i = 0; i < values.size(); ++i) sums[i % block] += values[i];
    }
    std::vector<float> rates;
    for (size_t baseline = 0; baseline < kBaselines.size(); ++baseline) {
      const auto first = sums.begin() + static_cast<std::ptrdiff_t>(baseline * grid);
      rates.push_back(LearningRateGrid()[std::min_element(first, first + static_cast<std::ptrdiff_t>(grid)) - first]);
    }
    return rates;
  }

  absl::Status Test(int unit) {
    const int family = unit / options_.seeds, seed = unit % options_.seeds;
    for (size_t i = 0; i < families_[family].problems.size(); ++i) {
      const int index = static_cast<int>(i);
      const InstanceSeed name = NameInstance(spec_.seed(), InstancePurpose::kTest, family, index, seed, 0);
      ASSIGN_OR_RETURN(const auto problem, Instance(family, index, name));
      Contest contest(problem.get(), spec_.learned_optimizer(), points_);
      runs_[unit].push_back(contest.TrainLearned(theta_, name));
      for (size_t b = 0; b < kBaselines.size(); ++b) {
        runs_[unit].push_back(contest.TrainBaseline(kBaselines[b], rates_[family][b], /*whole_curve=*/true));
      }
    }
    return absl::OkStatus();
  }

  FamilyResult Summary(int family) const {
    FamilyResult result{
        families_[family].name, families_[family].trained, static_cast<int>(families_[family].problems.size()), {}};
    for (int optimizer = 0; optimizer < kOptimizers; ++optimizer) {
      result.optimizers.push_back(OptimizerSummary(family, optimizer));
    }
    return result;
  }

  OptimizerResult OptimizerSummary(int family, int optimizer) const {
    OptimizerResult result;
    const size_t baseline = static_cast<size_t>(optimizer) - 1;
    result.optimizer = optimizer == 0 ? "learned" : BaselineName(kBaselines[baseline]);
    result.learning_rate = optimizer == 0 ? kNone : rates_[family][baseline];
    std::vector<double> accuracies;  // (seeds) means over problems
    std::vector<std::vector<double>> objectives(points_.size(), std::vector<double>(options_.seeds));
    const double share = 1.0 / static_cast<double>(families_[family].problems.size());
    for (int seed = 0; seed < options_.seeds; ++seed) {
      const Runs& runs = runs_[family * options_.seeds + seed];
      std::vector<double> accuracy;
      for (size_t i = optimizer; i < runs.size(); i += kOptimizers) {
        accuracy.push_back(runs[i].accuracy);
        result.diverged += runs[i].diverged;
        for (size_t k = 0; k < points_.size(); ++k) objectives[k][seed] += share * runs[i].curve[k];
      }
      accuracies.push_back(MeanOf(accuracy));
    }
    for (const std::vector<double>& of_seeds : objectives) {
      result.log_objective = IntervalOf(of_seeds);  // in the end that of the last point
      result.curve.push_back(result.log_objective.mean);
      result.curve_interval.push_back(result.log_objective.interval);
    }
    result.accuracy = IntervalOf(accuracies);
    return result;
  }

  template <typename Work>
  absl::Status ForAll(int units, const Work& work) {
    std::atomic<int> next = 0;
    const auto loop = [&] {
      for (int unit = next++; unit < units; unit = next++) {
        const absl::Status status = work(unit);
        if (!Report(status)) return;
      }
    };
    std::vector<std::thread> others;
    for (int i = 1; i < options_.threads; ++i) others.emplace_back(loop);
    loop();
    for (std::thread& thread : others) thread.join();
    absl::MutexLock lock(&mutex_);
    return status_;
  }

  // Whether to go on.
  bool Report(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    status_.Update(status);
    if (status_.ok() && !on_progress_(++done_, total_)) status_ = absl::CancelledError("interrupted while comparing");
    return status_.ok();
  }

  const v1::JobSpec& spec_;
  const absl::Span<const float> theta_;
  const ComparisonOptions& options_;
  const std::vector<Family> families_;
  const std::vector<int64_t> points_;
  const std::function<bool(int done, int total)>& on_progress_;
  const int total_;
  std::vector<Tuning> tuned_;              // (families, tuning seeds)
  std::vector<std::vector<float>> rates_;  // (families, baselines)
  std::vector<Runs> runs_;                 // (families, seeds)
  absl::Mutex mutex_;
  int done_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

std::vector<int64_t> CurveSteps(int64_t steps) {
  std::vector<int64_t> points;
  const int64_t count = std::min<int64_t>(steps, kCurvePoints);
  for (int64_t i = 0; i <= count; ++i) points.push_back(i * steps / count);
  return points;
}

}  // namespace

absl::StatusOr<Comparison> Compare(const v1::JobSpec& spec, absl::Span<const float> theta,
                                   const ComparisonOptions& options,
                                   const std::function<bool(int done, int total)>& on_progress) {
  if (theta.size() != kHrnnParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("theta has ", theta.size(), " parameters, expected ", kHrnnParameters));
  }
  ASSIGN_OR_RETURN(std::vector<Family> families, FamiliesOf(spec.learned_optimizer(), options.untrained_family));
  Comparison comparison;
  comparison.steps = options.steps > 0 ? options.steps : StepsOfTraining(spec.learned_optimizer().unroll());
  comparison.seeds = options.seeds;
  comparison.curve_steps = CurveSteps(comparison.steps);
  Comparer comparer(spec, theta, options, std::move(families), comparison.curve_steps, on_progress);
  ASSIGN_OR_RETURN(comparison.families, comparer.Compare());
  return comparison;
}

}  // namespace seedcast
