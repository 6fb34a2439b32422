// Whole files: read with a bound, written so that a reader sees the old content or the new, never a part.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedcast {

// Errors name the path: NOT_FOUND, RESOURCE_EXHAUSTED (larger than `max_bytes`), UNKNOWN with the system's words.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, int64_t max_bytes);

// Makes the directories above `path`, writes beside it, syncs, renames. RESOURCE_EXHAUSTED when the disk is full;
// nothing is left behind on failure.
absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes);

// A name beside `path` that no other thread or process uses.
std::string TemporaryName(const std::string& path);

absl::Status MakeDirectoriesAbove(const std::string& path);

}  // namespace seedcast
