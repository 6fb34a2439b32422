// Directories that a process is about to write to, looked at before.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace seedcast {

// OK when files can be made in `directory`, or, where it is not there yet, in the nearest one above it that is. Tries
// it with a file that has no name. The message says which path and why not.
absl::Status CheckWritable(const std::string& directory);

// That the file system of `directory`, or of the nearest one above it that is there, still takes; -1 when unknown.
double FreeBytes(const std::string& directory);

}  // namespace seedcast
