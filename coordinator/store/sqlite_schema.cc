#include "coordinator/store/sqlite_schema.h"

#include "absl/strings/str_cat.h"

namespace seedcast {
namespace {

constexpr int64_t kApplicationId = 0x73656564;  // "seed"

// Rows of `generations` and `snapshots` belong to jobs.key, not to the long job_id. `chain` repeats what stands in the
// record, so that a damaged row shows when it is read.
absl::Status CreateVersion1(SqliteConnection& db) {
  return db.Execute(R"sql(
    CREATE TABLE jobs (
      key              INTEGER PRIMARY KEY,
      job_id           TEXT NOT NULL UNIQUE,
      name             TEXT NOT NULL,
      spec             BLOB NOT NULL,
      state            INTEGER NOT NULL,
      message          TEXT NOT NULL,
      first_version    INTEGER NOT NULL,
      first_digest     BLOB NOT NULL,
      forked_from      TEXT NOT NULL,
      idempotency_key  TEXT NOT NULL,
      submitted        REAL NOT NULL);
    CREATE INDEX jobs_by_name ON jobs (name);
    CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (idempotency_key) WHERE idempotency_key <> '';
    CREATE TABLE generations (
      job         INTEGER NOT NULL REFERENCES jobs,
      generation  INTEGER NOT NULL,
      record      BLOB NOT NULL,
      chain       BLOB NOT NULL,
      PRIMARY KEY (job, generation));
    CREATE TABLE snapshots (
      job       INTEGER NOT NULL REFERENCES jobs,
      version   INTEGER NOT NULL,
      digest    BLOB NOT NULL,
      checksum  BLOB NOT NULL,
      bytes     BLOB NOT NULL,
      PRIMARY KEY (job, version));)sql");
}

absl::Status AddParametersAndProof(SqliteConnection& db) {
  return db.Execute(R"sql(
    ALTER TABLE jobs ADD COLUMN num_parameters INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN proof TEXT NOT NULL DEFAULT '';)sql");
}

}  // namespace

const std::vector<Migration>& StoreMigrations() {
  static const std::vector<Migration> migrations = {CreateVersion1, AddParametersAndProof};
  return migrations;
}

absl::StatusOr<int64_t> ReadInteger(SqliteConnection& db, const char* sql) {
  SqliteStatement statement(&db, sql);
  SqliteCursor cursor = statement.Query();
  RETURN_IF_ERROR(cursor.Next().status());
  return cursor.Int(0);
}

absl::StatusOr<int64_t> ReadSchemaVersion(SqliteConnection& db) {
  ASSIGN_OR_RETURN(const int64_t version, ReadInteger(db, "PRAGMA user_version"));
  ASSIGN_OR_RETURN(const int64_t application, ReadInteger(db, "PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t tables, ReadInteger(db, "SELECT count(*) FROM sqlite_schema"));
  const bool empty = application == 0 && version == 0 && tables == 0;
  if (empty || application == kApplicationId) return version;
  return absl::DataLossError(
      absl::StrCat("not a seedcast store: application_id ", application, ", expected ", kApplicationId));
}

absl::Status Migrate(SqliteConnection& db, const std::vector<Migration>& migrations) {
  ASSIGN_OR_RETURN(int64_t version, ReadSchemaVersion(db));
  const auto newest = static_cast<int64_t>(migrations.size());
  if (version > newest) {
    return absl::FailedPreconditionError(absl::StrCat("its schema has version ", version, ", this program knows up to ",
                                                      newest, ": use the seedcast that wrote it, or a newer one"));
  }
  for (; version < newest; ++version) {
    RETURN_IF_ERROR(db.InTransaction([&]() -> absl::Status {
      RETURN_IF_ERROR(migrations[version](db));
      return db.Execute(
          absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", version + 1));
    }));
  }
  return absl::OkStatus();
}

}  // namespace seedcast
