#include "cli/replay.h"

#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/strategy/update.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

absl::Status Differs(absl::string_view what, absl::string_view found, absl::string_view expected) {
  return absl::DataLossError(absl::StrCat(what, " is ", found, ", expected ", expected));
}

// Digests of all stored snapshots by version, from `newest` down.
absl::StatusOr<std::map<int64_t, Digest>> ReadSnapshotDigests(Client& client, const std::string& job_id,
                                                              int64_t newest) {
  std::map<int64_t, Digest> digests;
  while (newest >= 0) {
    const absl::StatusOr<State> state = client.ReadSnapshot(job_id, newest);
    if (absl::IsNotFound(state.status())) break;
    RETURN_IF_ERROR(state.status());
    if (state->version > newest) {
      return Differs("version of a snapshot", absl::StrCat(state->version), absl::StrCat("at most ", newest));
    }
    digests[state->version] = StateDigest(*state);
    newest = state->version - 1;
  }
  return digests;
}

// The initial theta follows from the spec, so version 0 need not be believed. Returns why it was not recomputed.
absl::StatusOr<std::string> CheckFirstState(Client& client, const v1::JobStatus& status, const State& first) {
  if (!status.forked_from().empty()) return absl::StrCat("starts from the snapshot of ", status.forked_from());
  const auto task = MakeTask(status.spec(), [&](const std::string& digest) { return client.ReadArtifact(digest); });
  if (absl::IsFailedPrecondition(task.status())) return std::string(task.status().message());
  RETURN_IF_ERROR(task.status());
  const Digest expected = StateDigest(InitialState(status.spec().strategy(), (*task)->InitialTheta()));
  if (first.version == 0 && StateDigest(first) == expected) return std::string();
  return Differs(absl::StrCat("digest of the first state (version ", first.version, ")"), ToHex(StateDigest(first)),
                 ToHex(expected));
}

absl::Status CheckSnapshot(const std::map<int64_t, Digest>& snapshots, const State& state) {
  const auto snapshot = snapshots.find(state.version);
  if (snapshot == snapshots.end() || snapshot->second == StateDigest(state)) return absl::OkStatus();
  return Differs(absl::StrCat("version ", state.version, ": digest of the stored snapshot"), ToHex(snapshot->second),
                 ToHex(StateDigest(state)));
}

// The log of a job that succeeded ends with the record of its last version.
absl::Status CheckClosingRecord(Client& client, const std::string& job_id, Replay* replay) {
  const int64_t last = replay->state().version;
  bool closed = false;
  RETURN_IF_ERROR(client.ReadLog(job_id, last, last + 1, [&](const v1::GenerationRecord& record) {
    closed = true;
    return replay->Close(record);
  }));
  return closed ? absl::OkStatus() : Differs("the record that closes the log", "missing", absl::StrCat(last));
}

}  // namespace

Replay::Replay(v1::JobSpec spec, State first, std::optional<Digest> chain, int threads)
    : spec_(std::move(spec)), threads_(threads), state_(std::move(first)), chain_(chain) {}

absl::Status Replay::Apply(const v1::GenerationRecord& record) {
  RETURN_IF_ERROR(Check(record));
  const auto report = Update(spec_, OutcomeOf(record), threads_, &state_);
  if (report.ok()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("generation ", record.generation(), ": ", report.status().message()));
}

absl::Status Replay::Close(const v1::GenerationRecord& record) {
  RETURN_IF_ERROR(Check(record));
  if (record.fitness().empty()) return absl::OkStatus();
  return Differs(absl::StrCat("generation ", record.generation(), ": fitness in the record that closes the log"),
                 absl::StrCat(record.fitness_size(), " values"), "none");
}

absl::Status Replay::Check(const v1::GenerationRecord& record) {
  if (record.generation() != state_.version) {
    return Differs("the log's next generation", absl::StrCat(record.generation()), absl::StrCat(state_.version));
  }
  const std::string where = absl::StrCat("generation ", record.generation());
  const Digest digest = StateDigest(state_);
  if (record.state_digest() != ToBytes(digest)) {
    return Differs(absl::StrCat(where, ": state digest in the log"), absl::BytesToHexString(record.state_digest()),
                   ToHex(digest));
  }
  if (chain_) {
    chain_ = ChainNext(*chain_, record.generation(), digest, OutcomeOf(record));
    if (record.chain() != ToBytes(*chain_)) {
      return Differs(absl::StrCat(where, ": link of the chain"), absl::BytesToHexString(record.chain()),
                     ToHex(*chain_));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<State> ReadState(Client& client, const v1::JobStatus& status, int64_t version) {
  if (version > status.version()) {
    return absl::OutOfRangeError(absl::StrCat("version: ", version, ", expected at most ", status.version(),
                                              ", the newest of ", status.job_id()));
  }
  ASSIGN_OR_RETURN(State state, client.ReadSnapshot(status.job_id(), version));
  if (state.version == version) return state;
  Replay replay(status.spec(), std::move(state), std::nullopt, /*threads=*/1);
  RETURN_IF_ERROR(client.ReadLog(status.job_id(), replay.state().version, version,
                                 [&](const v1::GenerationRecord& record) { return replay.Apply(record); }));
  if (replay.state().version != version) {
    return Differs(absl::StrCat("the end of ", status.job_id(), "'s log"), absl::StrCat(replay.state().version),
                   absl::StrCat("at least ", version));
  }
  return replay.state();
}

absl::StatusOr<VerifyReport> Verify(Client& client, const std::string& job_id, int threads,
                                    const std::function<void(int64_t, int64_t)>& on_progress) {
  // The job may be running: what is verified is what stood when we asked.
  ASSIGN_OR_RETURN(const v1::JobStatus status, client.Get(job_id));
  ASSIGN_OR_RETURN(const auto snapshots, ReadSnapshotDigests(client, job_id, status.version()));
  if (snapshots.empty()) return absl::DataLossError(absl::StrCat(job_id, " has no snapshot of its first state"));
  VerifyReport report;
  report.first_version = snapshots.begin()->first;
  report.snapshots = static_cast<int64_t>(snapshots.size());
  ASSIGN_OR_RETURN(State first, client.ReadSnapshot(job_id, report.first_version));
  ASSIGN_OR_RETURN(report.first_state_note, CheckFirstState(client, status, first));

  const Digest chain = ChainStart(status.spec(), StateDigest(first));
  Replay replay(status.spec(), std::move(first), chain, threads);
  if (status.version() > report.first_version) {
    RETURN_IF_ERROR(client.ReadLog(job_id, report.first_version, status.version(),
                                   [&](const v1::GenerationRecord& record) -> absl::Status {
                                     RETURN_IF_ERROR(CheckSnapshot(snapshots, replay.state()));
                                     RETURN_IF_ERROR(replay.Apply(record));
                                     on_progress(replay.state().version, status.version());
                                     return absl::OkStatus();
                                   }));
  }
  if (replay.state().version != status.version()) {
    return Differs("the log's end", absl::StrCat(replay.state().version), absl::StrCat(status.version()));
  }
  RETURN_IF_ERROR(CheckSnapshot(snapshots, replay.state()));
  report.generations = status.version() - report.first_version;
  report.digest = ToHex(StateDigest(replay.state()));
  if (report.digest != status.digest()) {
    // A coordinator that could not take a damaged job up knows more than its digest tells.
    const std::string reason =
        status.message().empty() ? "" : absl::StrCat("; the coordinator says: ", status.message());
    return Differs(absl::StrCat("version ", status.version(), ": digest of the job"),
                   status.digest().empty() ? "missing" : status.digest(), absl::StrCat(report.digest, reason));
  }
  if (status.state() == v1::SUCCEEDED) RETURN_IF_ERROR(CheckClosingRecord(client, job_id, &replay));
  return report;
}

}  // namespace seedcast
