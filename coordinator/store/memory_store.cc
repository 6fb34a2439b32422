// The Store in memory: the same behaviour, nothing survives the process. Bytes are kept serialised, as a real store
// would, so that what comes out is never shared with what went in.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/store.h"

namespace seedcast {
namespace {

class MemoryStore final : public Store {
 public:
  absl::StatusOr<std::string> CreateJob(JobRow row, const Snapshot& first) override {
    if (!row.idempotency_key.empty()) {
      for (const Job& job : jobs_) {
        if (job.row.idempotency_key == row.idempotency_key) return job.row.job_id;
      }
    }
    row.job_id = absl::StrCat(row.spec.name(), "-", ++jobs_of_name_[row.spec.name()]);
    jobs_.push_back({row, {}, {{first.version, first}}});
    return row.job_id;
  }

  absl::Status SetJobState(const std::string& job_id, v1::JobState state, const std::string& message) override {
    ASSIGN_OR_RETURN(Job * job, Find(job_id));
    job->row.state = state;
    job->row.message = message;
    return absl::OkStatus();
  }

  absl::Status SetJobProof(const std::string& job_id, const std::string& proof) override {
    ASSIGN_OR_RETURN(Job * job, Find(job_id));
    job->row.proof = proof;
    return absl::OkStatus();
  }

  absl::Status AppendGeneration(const std::string& job_id, const v1::GenerationRecord& record,
                                const Snapshot* snapshot) override {
    ASSIGN_OR_RETURN(Job * job, Find(job_id));
    const int64_t next = job->row.first_version + static_cast<int64_t>(job->log.size());
    if (record.generation() != next) {
      return absl::FailedPreconditionError(
          absl::StrCat("job '", job_id, "': append of generation ", record.generation(), ", expected ", next));
    }
    job->log.push_back(record.SerializeAsString());
    if (snapshot != nullptr) job->snapshots[snapshot->version] = *snapshot;
    return absl::OkStatus();
  }

  absl::Status PutSnapshot(const std::string& job_id, const Snapshot& snapshot) override {
    ASSIGN_OR_RETURN(Job * job, Find(job_id));
    job->snapshots[snapshot.version] = snapshot;
    return absl::OkStatus();
  }

  absl::Status DeleteSnapshots(const std::string& job_id, const std::vector<int64_t>& versions) override {
    ASSIGN_OR_RETURN(Job * job, Find(job_id));
    for (const int64_t version : versions) job->snapshots.erase(version);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<JobRow>> ReadJobs() override {
    std::vector<JobRow> rows;
    for (const Job& job : jobs_) rows.push_back(job.row);
    return rows;
  }

  absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const std::string& job_id, int64_t from, int64_t to,
                                                            int64_t limit) override {
    ASSIGN_OR_RETURN(const Job* job, Find(job_id));
    const int64_t first = job->row.first_version;
    const int64_t begin = std::max(from, first);
    const int64_t end = std::min(to, first + static_cast<int64_t>(job->log.size()));
    std::vector<v1::GenerationRecord> records;
    for (int64_t g = begin; g < end && static_cast<int64_t>(records.size()) < limit; ++g) {
      records.emplace_back().ParseFromString(job->log[g - first]);
    }
    return records;
  }

  absl::StatusOr<std::vector<int64_t>> SnapshotVersions(const std::string& job_id) override {
    ASSIGN_OR_RETURN(const Job* job, Find(job_id));
    std::vector<int64_t> versions;
    for (const auto& [version, snapshot] : job->snapshots) versions.push_back(version);
    return versions;
  }

  absl::StatusOr<Snapshot> ReadSnapshot(const std::string& job_id, int64_t at_or_below) override {
    ASSIGN_OR_RETURN(const Job* job, Find(job_id));
    const auto above = job->snapshots.upper_bound(at_or_below);
    if (above == job->snapshots.begin()) {
      return absl::NotFoundError(absl::StrCat("job '", job_id, "' has no snapshot at or below ", at_or_below));
    }
    return std::prev(above)->second;
  }

 private:
  struct Job {
    JobRow row;
    std::vector<std::string> log;  // serialised records, from row.first_version on
    std::map<int64_t, Snapshot> snapshots;
  };

  absl::StatusOr<Job*> Find(const std::string& job_id) {
    for (Job& job : jobs_) {
      if (job.row.job_id == job_id) return &job;
    }
    return absl::NotFoundError(absl::StrCat("unknown job '", job_id, "'"));
  }

  std::vector<Job> jobs_;  // in order of submission
  std::map<std::string, int64_t> jobs_of_name_;
};

}  // namespace

std::unique_ptr<Store> MakeMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace seedcast
