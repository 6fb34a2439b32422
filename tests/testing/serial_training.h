// The evaluations of a whole job the plain way: in one place, every inner training advanced generation by generation,
// nothing cached, nothing lost. What workers must come to.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/noise/noise.h"
#include "common/strategy/estimator.h"
#include "common/strategy/update.h"
#include "worker/tasks/task.h"

namespace seedcast {

class SerialTraining {
 public:
  // Both are borrowed; spec is resolved.
  SerialTraining(const v1::JobSpec& spec, const Task& task)
      : spec_(spec), evaluator_(task.NewEvaluator()), trainings_(FitnessCount(spec)) {}

  struct Generation {
    std::vector<float> fitness;                 // (clusters, population_size), NaN where there is none
    std::vector<std::vector<float>> gradients;  // GRADIENT: (clusters * pairs), empty where there is none
  };
  // Of the next generation, 0 at first (or first_generation), with this theta.
  Generation Next(const std::vector<float>& theta) {
    Generation out;
    for (int cluster = 0; cluster < ClusterCount(spec_); ++cluster) {
      for (int64_t pair = 0; pair < pairs(); ++pair) AddPair(theta, cluster, pair, &out);
    }
    ++generation_;
    return out;
  }

 private:
  using Estimator = v1::Strategy;
  // A null state: its training has failed.
  using Training = std::unique_ptr<InnerState>;

  int64_t pairs() const { return spec_.strategy().population_size() / 2; }

  void AddPair(const std::vector<float>& theta, int cluster, int64_t pair, Generation* out) {
    const v1::Strategy::Estimator estimator = spec_.strategy().estimator();
    const std::vector<float> members[] = {Member(theta, pair, 1), Member(theta, pair, -1)};
    Training* own = &trainings_[2 * (cluster * pairs() + pair)];
    const bool reset = BoundaryBefore(spec_, generation_, pair) == Boundary::kReset;
    const EpisodeKey key{generation_, pair, cluster};
    switch (estimator) {
      case Estimator::PES:
      case Estimator::NRES:
        for (int m = 0; m < 2; ++m) {
          if (reset) own[m] = *evaluator_->Begin(members[m], key);
          AddFitness(Unroll(members[m], &own[m]), out);
        }
        return;
      case Estimator::TRUNCATED_ES:
        if (reset) own[0] = *evaluator_->Begin(theta, key);
        for (const auto& member : members) {
          Training start = own[0] ? own[0]->Clone() : nullptr;
          AddFitness(Unroll(member, &start), out);
        }
        static_cast<void>(Unroll(theta, &own[0]));
        return;
      case Estimator::GRADIENT:
        if (reset) own[0] = *evaluator_->Begin(theta, key);
        return AddGradient(theta, &own[0], out);
      default:
        for (const auto& member : members) AddFitness(evaluator_->Evaluate(member, key), out);
    }
  }

  void AddGradient(const std::vector<float>& theta, Training* training, Generation* out) {
    std::vector<float> gradient(theta.size());
    absl::StatusOr<float> fitness = absl::InternalError("failed before");
    if (*training) {
      fitness = evaluator_->UnrollGradient(theta, generation_, training->get(), absl::MakeSpan(gradient));
    }
    if (!fitness.ok()) training->reset();
    const bool finite = fitness.ok() && std::isfinite(*fitness);
    out->gradients.push_back(finite ? gradient : std::vector<float>());
    for (int m = 0; m < 2; ++m) AddFitness(fitness, out);
  }

  absl::StatusOr<float> Unroll(const std::vector<float>& theta, Training* training) {
    if (!*training) return absl::InternalError("failed before");
    absl::StatusOr<float> fitness = evaluator_->Unroll(theta, generation_, training->get());
    if (!fitness.ok()) training->reset();
    return fitness;
  }

  static void AddFitness(const absl::StatusOr<float>& fitness, Generation* out) {
    const bool finite = fitness.ok() && std::isfinite(*fitness);
    out->fitness.push_back(finite ? *fitness : std::numeric_limits<float>::quiet_NaN());
  }

  std::vector<float> Member(const std::vector<float>& theta, int64_t pair, int sign) const {
    const NoiseDistribution distribution = Distribution(spec_.strategy());
    const float s = NoiseScale(distribution, SigmaAt(spec_, generation_));
    std::vector<int8_t> noise(theta.size());
    DrawNoise(distribution, MemberNoise(spec_, generation_, pair), absl::MakeSpan(noise));
    std::vector<float> member(theta.size());
    Perturb(theta, noise, sign > 0 ? s : -s, absl::MakeSpan(member));
    return member;
  }

  const v1::JobSpec& spec_;
  const std::unique_ptr<Evaluator> evaluator_;
  std::vector<Training> trainings_;  // (clusters, pairs, 2)
  int64_t generation_ = spec_.first_generation();
};

}  // namespace seedcast
