#include "tests/sim/reference.h"

#include <cmath>
#include <memory>

#include "common/strategy/update.h"
#include "tests/sim/sim_task.h"
#include "tests/testing/serial_training.h"

namespace seedcast::sim {
namespace {

// Pairs in order inside a cluster, clusters by weight, in float64; what failed does not count.
std::vector<float> MeanGradient(const v1::JobSpec& spec, const std::vector<std::vector<float>>& gradients,
                                size_t num_parameters) {
  const size_t pairs = gradients.size() / ClusterCount(spec);
  std::vector<double> total(num_parameters);
  double total_weight = 0;
  for (int c = 0; c < ClusterCount(spec); ++c) {
    std::vector<double> sum(num_parameters);
    double counted = 0;
    for (size_t p = 0; p < pairs; ++p) {
      const std::vector<float>& gradient = gradients[c * pairs + p];
      counted += !gradient.empty();
      for (size_t i = 0; i < gradient.size(); ++i) sum[i] += gradient[i];
    }
    if (counted == 0) continue;
    total_weight += ClusterWeight(spec, c);
    for (size_t i = 0; i < total.size(); ++i) total[i] += ClusterWeight(spec, c) * (sum[i] / counted);
  }
  std::vector<float> mean(num_parameters);
  for (size_t i = 0; i < mean.size() && total_weight > 0; ++i) mean[i] = static_cast<float>(total[i] / total_weight);
  return mean;
}

}  // namespace

Reference RunSerially(const v1::JobSpec& spec, State from) {
  Reference reference;
  const std::unique_ptr<Task> task = *MakeSimTask(spec);
  SerialTraining training(spec, *task);
  State state = std::move(from);
  reference.first_version = state.version;
  reference.states.push_back(state);
  while (state.version < spec.generations()) {
    const SerialTraining::Generation generation = training.Next(state.theta);
    for (const float fitness : generation.fitness) reference.failed += std::isnan(fitness);
    std::vector<float> gradient;
    if (spec.strategy().estimator() == v1::Strategy::GRADIENT) {
      gradient = MeanGradient(spec, generation.gradients, state.theta.size());
    }
    static_cast<void>(*Update(spec, {generation.fitness, gradient}, 1, &state));
    reference.states.push_back(state);
  }
  return reference;
}

Reference RunSerially(const v1::JobSpec& spec) {
  return RunSerially(spec, InitialState(spec.strategy(), (*MakeSimTask(spec))->InitialTheta()));
}

}  // namespace seedcast::sim
