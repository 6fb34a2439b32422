// Coordinator: the log, the parameters that it adds up to, and a store that may refuse for a while.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "common/strategy/update.h"
#include "coordinator/coordinator_impl.h"
#include "coordinator/engine/check.h"

namespace seedcast {
namespace {

constexpr absl::Duration kStoreRetry = absl::Seconds(3);
constexpr size_t kNewestSnapshotsKept = 3;

Snapshot SnapshotOf(const JobRecord& job) { return {job.version, job.digest, SerializeState(*job.state)}; }

}  // namespace

absl::Status Coordinator::Impl::Recover(absl::Time now) {
  now_ = now;
  engine_ = std::make_unique<engine::Engine>(
      engine::EngineOptions{.lease_target = options_.lease_target,
                            .lease_ttl = options_.lease_ttl,
                            .expected_f32_proof = ExpectedF32Proof(),
                            .first_lease_id = std::max<int64_t>(1, absl::ToUnixMicros(now))});
  ASSIGN_OR_RETURN(std::vector<JobRow> rows, store_.ReadJobs());
  for (JobRow& row : rows) {
    const std::string job_id = row.job_id;
    order_.push_back(job_id);
    JobRecord& job = jobs_[job_id];
    job.row = std::move(row);
    if (const absl::Status status = RecoverJob(job); !status.ok()) {
      // Only in memory: the store stays as it is, for a person to look at.
      LogError("job cannot be taken up", {{"job", job_id}, {"error", status.ToString()}});
      job.row.state = v1::FAILED;
      job.row.message = absl::StrCat("cannot be taken up: ", status.ToString());
    }
    AddToEngine(job, now);
  }
  return absl::OkStatus();
}

absl::Status Coordinator::Impl::RecoverJob(JobRecord& job) {
  job.num_parameters = job.row.num_parameters;
  RETURN_IF_ERROR(ReadSums(job));
  ASSIGN_OR_RETURN(job.snapshots, store_.SnapshotVersions(job.row.job_id));
  if (job.closed && !job.ended()) {  // stopped between the two transactions of its end
    job.row.state = v1::SUCCEEDED;
    SaveState(job);
  }
  if (job.closed) return absl::OkStatus();
  double estimate_norm = 0;
  ASSIGN_OR_RETURN(State state, Timed(&figures_.replay, nullptr, [&] {
                     return RebuildState(store_, job.row, job.version, options_.update_threads, &estimate_norm);
                   }));
  if (job.version > job.row.first_version) job.last.set_estimate_norm(estimate_norm);
  job.digest = StateDigest(state);
  job.num_parameters = static_cast<int64_t>(state.theta.size());
  if (job.ended()) return absl::OkStatus();
  job.state = std::move(state);
  Describe(job);
  LogInfo("job taken up", {{"job", job.row.job_id},
                           {"state", v1::JobState_Name(job.row.state)},
                           {"version", absl::StrCat(job.version)},
                           {"digest", ToHex(job.digest)}});
  return absl::OkStatus();
}

// Reads the whole log once: its sums, its chain and where it ends.
absl::Status Coordinator::Impl::ReadSums(JobRecord& job) {
  job.chain = ChainStart(job.row.spec, job.row.first_digest);
  job.version = job.row.first_version;
  const int64_t at_once = RecordsPerRead(job.row);
  while (true) {
    const int64_t next = job.version;
    ASSIGN_OR_RETURN(const std::vector<v1::GenerationRecord> records,
                     store_.ReadLog(job.row.job_id, next, std::numeric_limits<int64_t>::max(), at_once));
    for (const v1::GenerationRecord& record : records) {
      if (record.generation() != job.version) {
        return absl::DataLossError(
            absl::StrCat("the log has generation ", record.generation(), ", expected ", job.version));
      }
      RETURN_IF_ERROR(AddToSums(record, &job));
      if (job.closed) {
        FromBytes(record.state_digest(), &job.digest);
        return absl::OkStatus();
      }
      ++job.version;
    }
    if (records.empty()) return absl::OkStatus();
  }
}

void Coordinator::Impl::AddToEngine(const JobRecord& job, absl::Time now) {
  Handle(engine::JobAdded{job.row.job_id, PlanOf(job.row.spec, job.num_parameters), job.row.state, job.version,
                          ToHex(job.digest), job.failed_evaluations, job.row.proof},
         now);
}

void Coordinator::Impl::Do(const engine::CommitGeneration& action) {
  JobRecord& job = jobs_.at(action.job_id);
  job.uncommitted = action;
  TryCommit(job);
}

void Coordinator::Impl::Do(const engine::FinishJob& action) {
  JobRecord& job = jobs_.at(action.job_id);
  job.uncommitted = action;
  TryCommit(job);
}

void Coordinator::Impl::Do(const engine::FailJob& action) {
  JobRecord& job = jobs_.at(action.job_id);
  job.row.state = v1::FAILED;
  job.row.message = action.message;
  job.failed_evaluations = action.failed_evaluations;
  LogError("job failed", {{"job", action.job_id}, {"error", action.message}});
  SaveState(job);
  PutAway(job);
  Notify(action.job_id);
}

void Coordinator::Impl::Do(const engine::JobProved& action) {
  JobRecord& job = jobs_.at(action.job_id);
  job.row.proof = action.proof;
  SaveProof(job);
}

// The order matters: the log first, then the workers hear of it, then the parameters move. What the store refuses is
// tried again later; until then the job stands at its generation.
void Coordinator::Impl::TryCommit(JobRecord& job) {
  if (auto* closed = std::get_if<engine::CommitGeneration>(&job.uncommitted)) {
    const v1::GenerationRecord record = MakeRecord(job, *closed);
    const bool new_best = record.metrics().has_validation() && IsNewBest(job, record.metrics().validation());
    const bool due = job.version > job.row.first_version && job.version % job.row.spec.snapshot_every() == 0;
    if (const absl::Status status = Append(job, record, new_best || due); !status.ok()) return StoreFailed(job, status);
    engine::CommitGeneration done = std::move(*closed);
    job.uncommitted = std::monostate();
    Advance(job, std::move(done));
  } else if (const auto* finished = std::get_if<engine::FinishJob>(&job.uncommitted)) {
    if (const absl::Status status = Append(job, MakeRecord(job, *finished), true); !status.ok()) {
      return StoreFailed(job, status);
    }
    job.uncommitted = std::monostate();
    job.row.state = v1::SUCCEEDED;
    SaveState(job);
    LogInfo("job succeeded", {{"job", job.row.job_id}, {"digest", ToHex(job.digest)}});
    Handle(engine::JobFinished{job.row.job_id}, now_);
    Notify(job.row.job_id);
    job.state.reset();
    job.observed = {};
  }
}

absl::Status Coordinator::Impl::Append(JobRecord& job, const v1::GenerationRecord& record, bool with_snapshot) {
  Snapshot snapshot;
  if (with_snapshot) snapshot = SnapshotOf(job);
  if (job.proof_unsaved) {  // or a restart would take on workers whose units compute other bits
    RETURN_IF_ERROR(store_.SetJobProof(job.row.job_id, job.row.proof));
    job.proof_unsaved = false;
  }
  RETURN_IF_ERROR(Timed(&figures_.commit, &job.observed.commit_seconds, [&] {
    return store_.AppendGeneration(job.row.job_id, record, with_snapshot ? &snapshot : nullptr);
  }));
  job.store_trouble.clear();
  job.retry_at = absl::InfiniteFuture();
  SEEDCAST_CHECK(AddToSums(record, &job).ok(), "a record just made is the chain's next link");
  if (with_snapshot) {
    if (job.snapshots.empty() || job.snapshots.back() < job.version) job.snapshots.push_back(job.version);
    Prune(job);
  }
  return absl::OkStatus();
}

// The generation is in the log: tell the workers, so that they update while we do.
void Coordinator::Impl::Advance(JobRecord& job, engine::CommitGeneration closed) {
  v1::CoordinatorMessage message;
  v1::GenerationClosed& notice = *message.mutable_generation_closed();
  notice.set_job_id(closed.job_id);
  notice.set_generation(closed.generation);
  const Outcome outcome = closed.outcome.view();
  notice.mutable_fitness()->Add(outcome.fitness.begin(), outcome.fitness.end());
  notice.mutable_gradient()->Add(outcome.gradient.begin(), outcome.gradient.end());
  links_.Broadcast(engine_->WorkersWithJob(closed.job_id), message);

  job.serialized.reset();
  const absl::StatusOr<UpdateReport> report = Timed(&figures_.update, &job.observed.update_seconds, [&] {
    return Update(job.row.spec, outcome, options_.update_threads, &*job.state, &job.observed.diagnostics);
  });
  if (!report.ok()) {
    LogError("update failed", {{"job", closed.job_id}, {"error", report.status().ToString()}});
    Handle(engine::JobCancelled{closed.job_id}, now_);
    return Do(engine::FailJob{closed.job_id, absl::StrCat("update failed: ", report.status().ToString()),
                              job.failed_evaluations});
  }
  job.last.set_estimate_norm(report->estimate_norm);
  job.version = job.state->version;
  job.digest = StateDigest(*job.state);
  ++job.generations;
  job.observed.fitness_quantiles = FiniteQuantiles(outcome.fitness);
  job.observed.active = now_;
  figures_.generation.Observe(closed.seconds + job.observed.commit_seconds);
  Handle(engine::GenerationCommitted{closed.job_id, job.version, ToHex(job.digest)}, now_);
  Notify(closed.job_id);
}

void Coordinator::Impl::SaveState(JobRecord& job) {
  const absl::Status status = store_.SetJobState(job.row.job_id, job.row.state, job.row.message);
  job.state_unsaved = !status.ok();
  if (!status.ok()) StoreFailed(job, status);
}

void Coordinator::Impl::SaveProof(JobRecord& job) {
  const absl::Status status = store_.SetJobProof(job.row.job_id, job.row.proof);
  job.proof_unsaved = !status.ok();
  if (!status.ok()) StoreFailed(job, status);
}

void Coordinator::Impl::StoreFailed(JobRecord& job, const absl::Status& status) {
  LogWarning("store refused a write; trying again",
             {{"job", job.row.job_id}, {"error", status.ToString()}, {"in", absl::FormatDuration(kStoreRetry)}});
  ++figures_.store_failures;
  job.store_trouble = absl::StrCat("the store refused a write, trying again: ", status.ToString());
  job.retry_at = now_ + kStoreRetry;
  Notify(job.row.job_id);
}

void Coordinator::Impl::RetryStore() {
  for (const std::string& job_id : order_) {
    JobRecord& job = jobs_.at(job_id);
    if (now_ < job.retry_at) continue;
    job.retry_at = absl::InfiniteFuture();
    job.store_trouble.clear();
    if (job.state_unsaved) SaveState(job);
    if (job.proof_unsaved) SaveProof(job);
    TryCommit(job);
  }
}

// Kept: the first, the best and the newest few. The rest is disk; replay gives any version back.
void Coordinator::Impl::Prune(JobRecord& job) {
  std::vector<int64_t> kept, dropped;
  for (size_t i = 0; i < job.snapshots.size(); ++i) {
    const int64_t version = job.snapshots[i];
    const bool keep = version == job.row.first_version || (job.best && version == job.best->version()) ||
                      i + kNewestSnapshotsKept >= job.snapshots.size();
    (keep ? kept : dropped).push_back(version);
  }
  if (dropped.empty()) return;
  if (const absl::Status status = store_.DeleteSnapshots(job.row.job_id, dropped); !status.ok()) {
    LogWarning("old snapshots stay", {{"job", job.row.job_id}, {"error", status.ToString()}});
  }
  job.snapshots = std::move(kept);
}

// The parameters of a job that ended early leave the memory; a snapshot spares later evaluations the replay.
void Coordinator::Impl::PutAway(JobRecord& job) {
  job.uncommitted = std::monostate();
  if (!job.state) return;
  if (const absl::Status status = store_.PutSnapshot(job.row.job_id, SnapshotOf(job)); !status.ok()) {
    LogWarning("no snapshot of the last version", {{"job", job.row.job_id}, {"error", status.ToString()}});
  }
  job.state.reset();
  job.observed = {};
}

// Before a shutdown, so that the next start need not replay.
void Coordinator::Impl::SaveSnapshots() {
  for (auto& [job_id, job] : jobs_) {
    if (!job.state) continue;
    if (const absl::Status status = store_.PutSnapshot(job_id, SnapshotOf(job)); !status.ok()) {
      LogWarning("no snapshot at shutdown", {{"job", job_id}, {"error", status.ToString()}});
    }
  }
}

}  // namespace seedcast
