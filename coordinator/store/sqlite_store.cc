#include "coordinator/store/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/sqlite_schema.h"

namespace seedcast {
namespace {

absl::Status Damaged(const std::string& job_id, absl::string_view what, int64_t number, absl::string_view how) {
  return absl::DataLossError(absl::StrCat("store is damaged: job '", job_id, "' ", what, " ", number, ": ", how));
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(SqliteConnection db) : db_(std::move(db)) {}

  absl::StatusOr<std::string> CreateJob(JobRow row, const Snapshot& first) override;
  absl::Status SetJobState(const std::string& job_id, v1::JobState state, const std::string& message) override;
  absl::Status SetJobProof(const std::string& job_id, const std::string& proof) override;
  absl::Status AppendGeneration(const std::string& job_id, const v1::GenerationRecord& record,
                                const Snapshot* snapshot) override;
  absl::Status PutSnapshot(const std::string& job_id, const Snapshot& snapshot) override;
  absl::Status DeleteSnapshots(const std::string& job_id, const std::vector<int64_t>& versions) override;
  absl::StatusOr<std::vector<JobRow>> ReadJobs() override;
  absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const std::string& job_id, int64_t from, int64_t to,
                                                            int64_t limit) override;
  absl::StatusOr<std::vector<int64_t>> SnapshotVersions(const std::string& job_id) override;
  absl::StatusOr<Snapshot> ReadSnapshot(const std::string& job_id, int64_t at_or_below) override;

 private:
  absl::StatusOr<int64_t> KeyOf(const std::string& job_id);
  absl::StatusOr<int64_t> NextGeneration(int64_t job);
  absl::StatusOr<std::string> NewJobId(const std::string& name);
  absl::Status InsertJob(const JobRow& row);
  absl::Status InsertRecord(int64_t job, const v1::GenerationRecord& record);
  absl::Status InsertSnapshot(int64_t job, const Snapshot& snapshot);

  SqliteConnection db_;
  SqliteStatement find_key_{&db_, "SELECT key FROM jobs WHERE job_id = ?1"};
  SqliteStatement find_idempotent_{&db_,
                                   "SELECT job_id FROM jobs WHERE idempotency_key = ?1 AND idempotency_key <> ''"};
  SqliteStatement count_name_{&db_, "SELECT count(*) FROM jobs WHERE name = ?1"};
  SqliteStatement insert_job_{&db_,
                              "INSERT INTO jobs (job_id, name, spec, state, message, first_version, first_digest,"
                              " forked_from, idempotency_key, submitted, num_parameters, proof)"
                              " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"};
  SqliteStatement set_state_{&db_, "UPDATE jobs SET state = ?2, message = ?3 WHERE key = ?1"};
  SqliteStatement set_proof_{&db_, "UPDATE jobs SET proof = ?2 WHERE key = ?1"};
  SqliteStatement next_generation_{&db_,
                                   "SELECT coalesce((SELECT max(generation) + 1 FROM generations WHERE job = ?1),"
                                   " (SELECT first_version FROM jobs WHERE key = ?1))"};
  SqliteStatement insert_generation_{&db_,
                                     "INSERT INTO generations (job, generation, record, chain) VALUES (?1,?2,?3,?4)"};
  SqliteStatement put_snapshot_{
      &db_, "INSERT OR REPLACE INTO snapshots (job, version, digest, checksum, bytes) VALUES (?1,?2,?3,?4,?5)"};
  SqliteStatement delete_snapshot_{&db_, "DELETE FROM snapshots WHERE job = ?1 AND version = ?2"};
  SqliteStatement read_jobs_{&db_,
                             "SELECT job_id, spec, state, message, first_version, first_digest, forked_from,"
                             " idempotency_key, submitted, num_parameters, proof FROM jobs ORDER BY key"};
  SqliteStatement read_log_{&db_,
                            "SELECT generation, record, chain FROM generations"
                            " WHERE job = ?1 AND generation >= ?2 AND generation < ?3 ORDER BY generation LIMIT ?4"};
  SqliteStatement snapshot_versions_{&db_, "SELECT version FROM snapshots WHERE job = ?1 ORDER BY version"};
  SqliteStatement read_snapshot_{&db_,
                                 "SELECT version, digest, checksum, bytes FROM snapshots"
                                 " WHERE job = ?1 AND version <= ?2 ORDER BY version DESC LIMIT 1"};
};

absl::StatusOr<int64_t> SqliteStore::KeyOf(const std::string& job_id) {
  SqliteCursor row = find_key_.Query(job_id);
  ASSIGN_OR_RETURN(const bool found, row.Next());
  if (!found) return absl::NotFoundError(absl::StrCat("unknown job '", job_id, "'"));
  return row.Int(0);
}

absl::StatusOr<int64_t> SqliteStore::NextGeneration(int64_t job) {
  SqliteCursor row = next_generation_.Query(job);
  RETURN_IF_ERROR(row.Next().status());
  return row.Int(0);
}

absl::StatusOr<std::string> SqliteStore::NewJobId(const std::string& name) {
  SqliteCursor row = count_name_.Query(name);
  RETURN_IF_ERROR(row.Next().status());
  return absl::StrCat(name, "-", row.Int(0) + 1);  // jobs are never deleted
}

absl::Status SqliteStore::InsertJob(const JobRow& row) {
  const std::string spec = row.spec.SerializeAsString();
  const std::string digest = ToBytes(row.first_digest);
  return insert_job_.Execute(row.job_id, row.spec.name(), SqliteBlob{spec}, static_cast<int64_t>(row.state),
                             row.message, row.first_version, SqliteBlob{digest}, row.forked_from, row.idempotency_key,
                             row.submitted_unix_seconds, row.num_parameters, row.proof);
}

absl::Status SqliteStore::InsertRecord(int64_t job, const v1::GenerationRecord& record) {
  const std::string bytes = record.SerializeAsString();
  return insert_generation_.Execute(job, int64_t{record.generation()}, SqliteBlob{bytes}, SqliteBlob{record.chain()});
}

absl::Status SqliteStore::InsertSnapshot(int64_t job, const Snapshot& snapshot) {
  const std::string digest = ToBytes(snapshot.digest);
  const std::string checksum = ToBytes(Sha256Of(snapshot.bytes));
  return put_snapshot_.Execute(job, snapshot.version, SqliteBlob{digest}, SqliteBlob{checksum},
                               SqliteBlob{snapshot.bytes});
}

absl::StatusOr<std::string> SqliteStore::CreateJob(JobRow row, const Snapshot& first) {
  RETURN_IF_ERROR(db_.InTransaction([&]() -> absl::Status {
    {
      SqliteCursor existing = find_idempotent_.Query(row.idempotency_key);
      ASSIGN_OR_RETURN(const bool found, existing.Next());
      if (found) {
        row.job_id = existing.Text(0);
        return absl::OkStatus();
      }
    }
    ASSIGN_OR_RETURN(row.job_id, NewJobId(row.spec.name()));
    RETURN_IF_ERROR(InsertJob(row));
    ASSIGN_OR_RETURN(const int64_t job, KeyOf(row.job_id));
    return InsertSnapshot(job, first);
  }));
  return row.job_id;
}

absl::Status SqliteStore::SetJobState(const std::string& job_id, v1::JobState state, const std::string& message) {
  return db_.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
    return set_state_.Execute(job, static_cast<int64_t>(state), message);
  });
}

absl::Status SqliteStore::SetJobProof(const std::string& job_id, const std::string& proof) {
  return db_.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
    return set_proof_.Execute(job, proof);
  });
}

absl::Status SqliteStore::AppendGeneration(const std::string& job_id, const v1::GenerationRecord& record,
                                           const Snapshot* snapshot) {
  return db_.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
    ASSIGN_OR_RETURN(const int64_t next, NextGeneration(job));
    if (record.generation() != next) {
      return absl::FailedPreconditionError(
          absl::StrCat("job '", job_id, "': append of generation ", record.generation(), ", expected ", next));
    }
    RETURN_IF_ERROR(InsertRecord(job, record));
    return snapshot == nullptr ? absl::OkStatus() : InsertSnapshot(job, *snapshot);
  });
}

absl::Status SqliteStore::PutSnapshot(const std::string& job_id, const Snapshot& snapshot) {
  return db_.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
    return InsertSnapshot(job, snapshot);
  });
}

absl::Status SqliteStore::DeleteSnapshots(const std::string& job_id, const std::vector<int64_t>& versions) {
  return db_.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
    for (const int64_t version : versions) RETURN_IF_ERROR(delete_snapshot_.Execute(job, version));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<JobRow>> SqliteStore::ReadJobs() {
  std::vector<JobRow> jobs;
  SqliteCursor row = read_jobs_.Query();
  while (true) {
    ASSIGN_OR_RETURN(const bool more, row.Next());
    if (!more) return jobs;
    JobRow& job = jobs.emplace_back();
    job.job_id = row.Text(0);
    if (!job.spec.ParseFromString(row.Text(1)) || !FromBytes(row.Bytes(5), &job.first_digest)) {
      return absl::DataLossError(absl::StrCat("store is damaged: job '", job.job_id, "': its spec cannot be read"));
    }
    job.state = static_cast<v1::JobState>(row.Int(2));
    job.message = row.Text(3);
    job.first_version = row.Int(4);
    job.forked_from = row.Text(6);
    job.idempotency_key = row.Text(7);
    job.submitted_unix_seconds = row.Real(8);
    job.num_parameters = row.Int(9);
    job.proof = row.Text(10);
  }
}

absl::StatusOr<std::vector<v1::GenerationRecord>> SqliteStore::ReadLog(const std::string& job_id, int64_t from,
                                                                       int64_t to, int64_t limit) {
  ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
  std::vector<v1::GenerationRecord> log;
  SqliteCursor row = read_log_.Query(job, from, to, limit);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, row.Next());
    if (!more) return log;
    v1::GenerationRecord& record = log.emplace_back();
    const absl::string_view bytes = row.Bytes(1);
    if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || record.generation() != row.Int(0) ||
        record.chain() != row.Bytes(2)) {
      return Damaged(job_id, "generation", row.Int(0), "the record is not what was appended");
    }
    if (log.size() > 1 && record.generation() != log[log.size() - 2].generation() + 1) {
      return Damaged(job_id, "generation", record.generation(), "the one before it is missing");
    }
  }
}

absl::StatusOr<std::vector<int64_t>> SqliteStore::SnapshotVersions(const std::string& job_id) {
  ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
  std::vector<int64_t> versions;
  SqliteCursor row = snapshot_versions_.Query(job);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, row.Next());
    if (!more) return versions;
    versions.push_back(row.Int(0));
  }
}

absl::StatusOr<Snapshot> SqliteStore::ReadSnapshot(const std::string& job_id, int64_t at_or_below) {
  ASSIGN_OR_RETURN(const int64_t job, KeyOf(job_id));
  SqliteCursor row = read_snapshot_.Query(job, at_or_below);
  ASSIGN_OR_RETURN(const bool found, row.Next());
  if (!found) {
    return absl::NotFoundError(
        absl::StrCat("job '", job_id, "' has no snapshot of version ", at_or_below, " or below"));
  }
  Snapshot snapshot{.version = row.Int(0), .digest = {}, .bytes = row.Text(3)};
  Digest checksum;
  if (!FromBytes(row.Bytes(1), &snapshot.digest) || !FromBytes(row.Bytes(2), &checksum)) {
    return Damaged(job_id, "snapshot", snapshot.version, "its digests are not 32 bytes");
  }
  if (const Digest found_sum = Sha256Of(snapshot.bytes); found_sum != checksum) {
    return Damaged(job_id, "snapshot", snapshot.version,
                   absl::StrCat("expected bytes of SHA-256 ", ToHex(checksum), ", found ", ToHex(found_sum)));
  }
  return snapshot;
}

// So that a new file's name survives a power cut, as its content does.
absl::Status SyncDirectory(const std::filesystem::path& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (synced) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("cannot sync directory ", directory.string()));
}

absl::Status MakeDirectory(const std::filesystem::path& directory) {
  std::error_code error;  // what cannot be looked at cannot be made either, and that says why
  if (directory.empty() || std::filesystem::is_directory(directory, error)) return absl::OkStatus();
  RETURN_IF_ERROR(MakeDirectory(directory.parent_path()));
  std::filesystem::create_directory(directory, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot create directory ", directory.string()));
  }
  return SyncDirectory(directory.has_parent_path() ? directory.parent_path() : ".");
}

// EXCLUSIVE before the first access: the lock is then held until close, and WAL needs no shared memory. One connection
// alone also stays clear of the WAL-reset bug of SQLite before 3.51.3, which takes two.
absl::Status Prepare(SqliteConnection& db) {
  RETURN_IF_ERROR(db.Execute("PRAGMA locking_mode = EXCLUSIVE"));
  RETURN_IF_ERROR(db.Execute("PRAGMA journal_mode = WAL"));
  RETURN_IF_ERROR(db.Execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON"));
  RETURN_IF_ERROR(db.Execute("BEGIN EXCLUSIVE; COMMIT"));
  return Migrate(db, StoreMigrations());
}

absl::Status Explain(const absl::Status& status, SqliteConnection& db, const std::string& directory) {
  if (sqlite3_errcode(db.get()) == SQLITE_BUSY) {
    return absl::FailedPreconditionError(
        absl::StrCat("another coordinator holds store ", directory,
                     "; one that listens is reached with --coordinator HOST:PORT, and a command lets go at its end"));
  }
  return {status.code(), absl::StrCat(directory, ": ", status.message())};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory, const char* vfs) {
  RETURN_IF_ERROR(MakeDirectory(directory));
  ASSIGN_OR_RETURN(SqliteConnection db,
                   SqliteConnection::Open((std::filesystem::path(directory) / kStoreFile).string(), vfs));
  if (absl::Status status = Prepare(db); !status.ok()) return Explain(status, db, directory);
  RETURN_IF_ERROR(SyncDirectory(directory));
  return std::make_unique<SqliteStore>(std::move(db));
}

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory) {
  return OpenSqliteStore(directory, nullptr);
}

}  // namespace seedcast
