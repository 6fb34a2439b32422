// The tasks of the simulation: the real ones, but a chained one (tests/testing) in the place of learned optimizers,
// whose clusters cost next to nothing and whose unrolls fail now and then.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "tests/testing/chained_task.h"
#include "worker/tasks/task.h"

namespace seedcast::sim {

inline absl::StatusOr<std::unique_ptr<Task>> MakeSimTask(const v1::JobSpec& spec) {
  if (!spec.has_learned_optimizer()) return MakeTask(spec, nullptr);
  return std::make_unique<ChainedTask>(spec,
                                       ChainedTaskOptions{.num_parameters = static_cast<int>(1 + spec.seed() % 20),
                                                          .fails_once_in = spec.seed() % 3 == 0 ? 40 : 0,
                                                          .not_finite_once_in = spec.seed() % 5 == 0 ? 40 : 0});
}

}  // namespace seedcast::sim
