// Parameters in a file that other programs read.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/npz.h"
#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// Views of theta by the names of the task's layers: block1.weight (3, 3, in, filters), block1.gamma, block1.beta, ...
// for proto_net; those of hrnn.h for learned_optimizer; theta as a whole otherwise. INTERNAL when theta has not the
// spec's size.
absl::StatusOr<std::vector<Tensor>> NamedTensors(const v1::JobSpec& spec, const std::vector<float>& theta);

// Makes the folder of `path` where it is missing, and says whether a file can be written there: better before an hour
// of training than after it.
absl::Status PrepareFolder(const std::string& path);

// The model as .npz, with the job, version, digest and spec in metadata.json; with a learned optimizer also a worked
// example (optimizer_example.h). Missing folders are made.
absl::Status WriteModel(const std::string& path, const v1::JobStatus& status, const State& state);

}  // namespace seedcast
