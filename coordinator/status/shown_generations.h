// Which generations of a long job a curve is drawn through.
#pragma once

#include <cstdint>
#include <vector>

#include "seedcast/v1/job.pb.h"

namespace seedcast {

// Of the generations 0 .. version, ascending: every s-th, and every s'-th of those with a validation, s and s' powers
// of two that leave at most kMostShown of each; and the last of a job that is done, which has only a validation.
// What is shown at one version is a part of what was shown at an earlier one, and of what came since.
std::vector<int64_t> ShownGenerations(const v1::JobSpec& spec, int64_t version);

inline constexpr int64_t kMostShown = 256;

}  // namespace seedcast
