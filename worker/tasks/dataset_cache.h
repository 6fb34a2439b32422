// Parsed data sets of this process, one of each digest: slots and jobs that read the same one share its memory.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/tasks/task.h"

namespace seedcast {

// The data set, for as long as somebody holds it; from memory where it is there, else from `fetch`. Thread-safe; two
// callers may fetch at once, and then share one result. Errors: those of `fetch`; DATA_LOSS when the bytes do not
// match the digest or are no data set.
absl::StatusOr<std::shared_ptr<const Dataset>> SharedDataset(const std::string& digest, const ArtifactFetcher& fetch);

}  // namespace seedcast
