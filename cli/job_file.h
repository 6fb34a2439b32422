// Job files: YAML on disk (and --set on the command line) to a JobSpec that has passed every check a client can make.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/yaml_message.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

inline constexpr size_t kMaxJobFileBytes = 1 << 20;

// The job of `path` with `overrides` ("path.to.field=value") applied in order. The spec is as written, without
// defaults, but its ranges have been checked. INVALID_ARGUMENT or NOT_FOUND in one line that names file and line, path,
// value and what was expected.
absl::StatusOr<v1::JobSpec> LoadJobFile(const std::string& path, const std::vector<std::string>& overrides);

// The same without a file: `text` stands in `name`.
absl::StatusOr<v1::JobSpec> ParseJobFile(absl::string_view text, absl::string_view name,
                                         const std::vector<std::string>& overrides);

// Applies overrides to a spec that comes from elsewhere (a job to be forked), and checks the ranges.
absl::Status ApplyOverrides(const std::vector<std::string>& overrides, v1::JobSpec* spec, Origins* origins);

}  // namespace seedcast
