#include "tests/sim/reference.h"

#include <cmath>
#include <limits>
#include <memory>

#include "common/noise/noise.h"
#include "common/strategy/update.h"
#include "worker/tasks/task.h"

namespace seedcast::sim {

Reference RunSerially(const v1::JobSpec& spec) {
  Reference reference;
  const std::unique_ptr<Task> task = *MakeTask(spec, nullptr);
  const std::unique_ptr<Evaluator> evaluator = task->NewEvaluator();
  State state = InitialState(spec.strategy(), task->InitialTheta());
  reference.states.push_back(state);
  std::vector<float> member(state.theta.size());
  for (uint32_t g = 0; g < spec.generations(); ++g) {
    std::vector<float> fitness;
    const float s = NoiseScale(Distribution(spec.strategy()), SigmaAt(spec, g));
    for (uint32_t m = 0; m < spec.strategy().population_size(); ++m) {
      DrawAndPerturb(Distribution(spec.strategy()), {spec.seed(), g, m / 2}, state.theta, m % 2 == 0 ? s : -s,
                     absl::MakeSpan(member));
      const absl::StatusOr<float> value = evaluator->Evaluate(member, {g, m / 2, 0});
      const bool finite = value.ok() && std::isfinite(*value);
      reference.failed += !finite;
      fitness.push_back(finite ? *value : std::numeric_limits<float>::quiet_NaN());
    }
    static_cast<void>(*Update(spec, {fitness, {}}, 1, &state));
    reference.states.push_back(state);
  }
  return reference;
}

}  // namespace seedcast::sim
