#include "bench/estimator_study.h"

#include <cmath>
#include <memory>
#include <vector>

#include "bench/quadratic_task.h"
#include "common/noise/noise.h"
#include "common/spec/resolve.h"
#include "common/strategy/estimator.h"
#include "common/strategy/update.h"
#include "worker/runtime/evaluate_lease.h"
#include "worker/tasks/influence.h"

namespace seedcast {
namespace {

constexpr int64_t kPairs = 200;
constexpr double kNoiseVariance = 4;

v1::JobSpec JobOf(const StudyOptions& options, v1::Strategy::Estimator estimator) {
  v1::JobSpec spec;
  spec.set_seed(options.seed);
  spec.set_generations(10'000'000);
  spec.mutable_influence()->mutable_unroll()->set_steps(options.steps);
  spec.mutable_influence()->mutable_unroll()->set_count(options.count);
  v1::Strategy& strategy = *spec.mutable_strategy();
  strategy.set_estimator(estimator);
  strategy.set_population_size(2 * kPairs);
  strategy.mutable_sigma()->set_initial(options.sigma);
  return *Resolve(spec);
}

std::shared_ptr<const Task> TaskOf(const StudyOptions& options, const v1::JobSpec& spec) {
  if (options.problem == "quadratic") return std::make_shared<QuadraticTask>(spec);
  return MakeInfluenceTask(spec);
}

// Mean and spread of independent samples (Welford 1962).
struct Samples {
  int64_t count = 0;
  double mean = 0, squares = 0;

  void Add(double value) {
    ++count;
    const double difference = value - mean;
    mean += difference / static_cast<double>(count);
    squares += difference * (value - mean);
  }
  StudyResult Summary() const {
    const double deviation = std::sqrt(squares / static_cast<double>(count - 1));
    return {mean, 1.96 * deviation / std::sqrt(static_cast<double>(count)), deviation, count};
  }
};

// A job at a theta that never moves.
class StandingJob {
 public:
  StandingJob(const StudyOptions& options, v1::Strategy::Estimator estimator)
      : spec_(std::make_shared<const v1::JobSpec>(JobOf(options, estimator))),
        task_(TaskOf(options, *spec_)),
        theta_(1, static_cast<float>(options.theta)),
        s_(NoiseScale(NoiseDistribution::kPopcount, options.sigma)),
        training_(kPairs) {}

  StudyResult Run(int64_t trainings) {
    while (samples_.count < trainings) RunGeneration();
    return samples_.Summary();
  }

 private:
  struct Training {
    double sum = 0;
    int64_t unrolls = 0;
    bool whole = false;  // seen from its reset on
  };

  void RunGeneration() {
    const v1::LeaseResult result = Evaluate();
    for (int64_t pair = 0; pair < kPairs; ++pair) {
      Training& training = training_[pair];
      if (BoundaryBefore(*spec_, generation_, pair) == Boundary::kReset) training = {.whole = true};
      training.sum += Estimate(result, pair);
      ++training.unrolls;
      const bool ends = BoundaryBefore(*spec_, generation_ + 1, pair) == Boundary::kReset;
      // At generation 0 all pairs begin, and most of them end early.
      const int64_t expected = CarriesState(*spec_) ? UnrollOf(*spec_).count() : 1;
      if (ends && training.whole && training.unrolls == expected) {
        samples_.Add(training.sum / static_cast<double>(training.unrolls));
      }
    }
    ++generation_;
  }

  v1::LeaseResult Evaluate() {
    LeaseWork work;
    work.spec = spec_;
    work.task = task_;
    work.lease.set_version(generation_);
    work.lease.mutable_pairs()->set_count(kPairs);
    work.state = std::make_shared<const State>(State{generation_, theta_, {}, {}});
    work.inner_states = &inner_states_;
    LeaseControl control;
    v1::LeaseResult result;
    evaluator_.Run(work, &control, &result);
    return result;
  }

  double Estimate(const v1::LeaseResult& result, int64_t pair) const {
    if (result.gradient_size() > 0) return result.gradient(static_cast<int>(pair));
    const double difference =
        double{result.fitness(static_cast<int>(2 * pair))} - double{result.fitness(static_cast<int>(2 * pair + 1))};
    const NoiseSpan span = WeighedNoise(*spec_, generation_, pair);
    int noise = 0;
    for (int64_t g = span.first; g <= span.last; ++g) {
      int8_t n;
      DrawNoise(NoiseDistribution::kPopcount, {spec_->seed(), static_cast<uint32_t>(g), static_cast<uint32_t>(pair)},
                absl::MakeSpan(&n, 1));
      noise += n;
    }
    return difference / (2 * s_) * noise / kNoiseVariance;
  }

  const std::shared_ptr<const v1::JobSpec> spec_;
  const std::shared_ptr<const Task> task_;
  const std::vector<float> theta_;
  const double s_;
  int64_t generation_ = 0;
  std::vector<Training> training_;  // (kPairs)
  Samples samples_;
  InnerStates inner_states_{int64_t{1} << 30};
  LeaseEvaluator evaluator_;
};

}  // namespace

double TrueGradient(const StudyOptions& options) {
  const int64_t steps = int64_t{options.steps} * options.count;
  if (options.problem == "quadratic") return QuadraticTask::TrueGradient(steps, options.theta);
  return InfluenceClosedForm(JobOf(options, v1::Strategy::FULL_ES).influence(), steps, options.theta).gradient;
}

StudyResult EstimateGradient(const StudyOptions& options, v1::Strategy::Estimator estimator) {
  return StandingJob(options, estimator).Run(options.trainings);
}

}  // namespace seedcast
