// A look at a store from outside: who has it open, what schema it has. Nothing is written, made or migrated.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace seedcast {

struct StoreInspection {
  bool exists = false;  // else the rest is as here
  bool held = false;    // a process has it open, and nobody else can read it: the figures below are 0
  pid_t holder = 0;     // 0 where it cannot be told, as from another container
  int64_t schema_version = 0;
  int64_t newest_schema_version = 0;  // that this program knows
  int64_t jobs = 0;
};

// Not to be called by a process that has the store open itself: its locks would go. Errors: PERMISSION_DENIED,
// DATA_LOSS no database or somebody else's, UNAVAILABLE an I/O error.
absl::StatusOr<StoreInspection> InspectStore(const std::string& directory);

}  // namespace seedcast
