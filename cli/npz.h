// Arrays in a file that numpy.load reads: a zip archive with stored entries, one NAME.npy each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace seedcast {

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;  // row-major
  absl::Span<const float> values;
};

// Writes `tensors` and an entry metadata.json, which numpy hands out as bytes. The file appears whole under `path` or
// not at all; the same arguments give the same bytes. Errors name the path and what the system said: NOT_FOUND,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk full), UNKNOWN.
absl::Status WriteNpz(const std::string& path, const std::vector<Tensor>& tensors, absl::string_view metadata_json);

}  // namespace seedcast
