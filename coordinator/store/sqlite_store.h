// The Store on SQLite. OpenSqliteStore(directory) of store.h is what programs call; tests put another file layer below.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/store/store.h"

namespace seedcast {

inline constexpr char kStoreFile[] = "seedcast.db";  // in the store's directory

// `vfs` names a registered SQLite VFS; null is the operating system's.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory, const char* vfs);

}  // namespace seedcast
