// What a job must come to, computed the plain way: one member after another, in one place.
#pragma once

#include <cstdint>
#include <vector>

#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast::sim {

struct Reference {
  std::vector<State> states;  // one a version, 0 .. generations
  int64_t failed = 0;         // evaluations without a finite fitness
};

// `spec` is resolved.
Reference RunSerially(const v1::JobSpec& spec);

}  // namespace seedcast::sim
