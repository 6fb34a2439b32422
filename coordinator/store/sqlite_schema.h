// The shape of the database, and how an older one becomes a newer one.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/sqlite.h"

namespace seedcast {

// Takes a database of one version to the next; runs inside a transaction.
using Migration = absl::Status (*)(SqliteConnection& db);

// Element i takes version i to i + 1; version 0 is an empty database.
const std::vector<Migration>& StoreMigrations();

// The first column of a query's only row.
absl::StatusOr<int64_t> ReadInteger(SqliteConnection& db, const char* sql);

// 0 of an empty database. DATA_LOSS when it is somebody else's database (its application_id is not ours).
absl::StatusOr<int64_t> ReadSchemaVersion(SqliteConnection& db);

// Brings the database to version migrations.size(), one transaction a step. FAILED_PRECONDITION when it is newer,
// else as ReadSchemaVersion.
absl::Status Migrate(SqliteConnection& db, const std::vector<Migration>& migrations);

}  // namespace seedcast
