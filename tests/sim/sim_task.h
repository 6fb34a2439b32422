// The tasks of the simulation: the real ones, but in the place of most learned optimizers a chained one
// (tests/testing), whose clusters cost next to nothing and whose unrolls fail now and then.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "tests/testing/chained_task.h"
#include "worker/tasks/task.h"

namespace seedcast::sim {

constexpr char kRealCluster[] = "real";  // name of the first cluster of a learned optimizer that is one

inline absl::StatusOr<std::unique_ptr<Task>> MakeSimTask(const v1::JobSpec& spec) {
  const bool chained = spec.has_learned_optimizer() && spec.learned_optimizer().clusters(0).name() != kRealCluster;
  if (!chained) return MakeTask(spec, nullptr);
  return std::make_unique<ChainedTask>(spec,
                                       ChainedTaskOptions{.num_parameters = static_cast<int>(1 + spec.seed() % 20),
                                                          .fails_once_in = spec.seed() % 3 == 0 ? 40 : 0,
                                                          .not_finite_once_in = spec.seed() % 5 == 0 ? 40 : 0});
}

}  // namespace seedcast::sim
