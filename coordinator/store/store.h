// The Store seam: what survives the coordinator. A job is its spec, where it starts, and a log of generations;
// snapshots only make replay shorter.
//
// Every method is one transaction: after an error nothing of it is there. Owner: the coordinator's thread; not
// thread-safe. Errors: ABORTED/UNAVAILABLE try again later (disk full is RESOURCE_EXHAUSTED), DATA_LOSS the store is
// damaged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/parameters.pb.h"

namespace seedcast {

struct JobRow {
  std::string job_id;
  v1::JobSpec spec;  // resolved
  v1::JobState state = v1::RUNNING;
  std::string message;          // why it failed
  int64_t first_version = 0;    // 0, or the version it was forked at
  Digest first_digest{};        // of the state at first_version
  std::string forked_from;      // "job@version" or empty
  std::string idempotency_key;  // unique unless empty
  double submitted_unix_seconds = 0;
  int64_t num_parameters = 0;  // 0 in rows of stores that did not know it yet
  std::string proof;           // of the numeric class, by the first worker that served the job (engine/events.h)
};

struct Snapshot {
  int64_t version = 0;
  Digest digest{};    // of the state
  std::string bytes;  // SerializeState
};

class Store {
 public:
  virtual ~Store() = default;

  // Job ids are "<spec.name>-<n>", n from 1. Stores the row (job_id filled in and returned) with the snapshot of its
  // first state. An idempotency_key seen before returns the existing job's id and stores nothing.
  virtual absl::StatusOr<std::string> CreateJob(JobRow row, const Snapshot& first) = 0;
  virtual absl::Status SetJobState(const std::string& job_id, v1::JobState state, const std::string& message) = 0;

  virtual absl::Status SetJobProof(const std::string& job_id, const std::string& proof) = 0;

  // Appends record.generation, which must be the next one (FAILED_PRECONDITION otherwise), together with the snapshot
  // of the state that the record was measured on, if one is given.
  virtual absl::Status AppendGeneration(const std::string& job_id, const v1::GenerationRecord& record,
                                        const Snapshot* snapshot) = 0;
  virtual absl::Status PutSnapshot(const std::string& job_id, const Snapshot& snapshot) = 0;
  // Removes the snapshots of these versions; those that are not there are no error.
  virtual absl::Status DeleteSnapshots(const std::string& job_id, const std::vector<int64_t>& versions) = 0;

  virtual absl::StatusOr<std::vector<JobRow>> ReadJobs() = 0;  // in order of submission
  // Records [from, to), at most `limit` of them, in order.
  virtual absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const std::string& job_id, int64_t from, int64_t to,
                                                                    int64_t limit) = 0;
  virtual absl::StatusOr<std::vector<int64_t>> SnapshotVersions(const std::string& job_id) = 0;  // ascending
  // The newest snapshot at or below a version; NOT_FOUND when there is none, DATA_LOSS when its bytes do not match its
  // digest.
  virtual absl::StatusOr<Snapshot> ReadSnapshot(const std::string& job_id, int64_t at_or_below) = 0;
};

// In memory: for tests and the simulation. Same behaviour, shown by the same contract test.
std::unique_ptr<Store> MakeMemoryStore();

// SQLite 3 in `directory`/seedcast.db: one connection, WAL, synchronous FULL, exclusive lock. Creates the directory.
// Errors: FAILED_PRECONDITION another process holds the store, or its schema is newer than this program (both say so);
// DATA_LOSS not a database; PERMISSION_DENIED, RESOURCE_EXHAUSTED as the disk says.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory);

}  // namespace seedcast
