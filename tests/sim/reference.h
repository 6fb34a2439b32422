// What a job must come to, computed the plain way: one member after another, in one place.
#pragma once

#include <cstdint>
#include <vector>

#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast::sim {

struct Reference {
  int64_t first_version = 0;
  std::vector<State> states;  // one a version, first_version .. generations
  int64_t failed = 0;         // evaluations without a finite fitness

  const State& at(int64_t version) const { return states.at(version - first_version); }
};

// `spec` is resolved.
Reference RunSerially(const v1::JobSpec& spec);
// The same from a state on: that of a fork at first_generation, or of a job that needs no inner trainings before it.
Reference RunSerially(const v1::JobSpec& spec, State from);

}  // namespace seedcast::sim
