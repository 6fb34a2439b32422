// Fetches one file over HTTPS.
#pragma once

#include <atomic>
#include <string>

#include "absl/status/status.h"

namespace seedcast {

struct Download {
  std::string url;  // https, or file for a mirror on disk
  std::string md5;  // hex, as published beside the file
  // Once true, a download under way ends within a second or so: CANCELLED. Null: never.
  const std::atomic<bool>* cancelled = nullptr;
};

// The file appears under `path` whole and verified, or not at all. Shows progress on standard error when that is a
// terminal. UNAVAILABLE when it cannot be reached (5 s to connect, 20 s without progress), DATA_LOSS when the checksum
// differs, RESOURCE_EXHAUSTED when it is larger than 64 MiB or the disk is full.
absl::Status Fetch(const Download& download, const std::string& path);

}  // namespace seedcast
