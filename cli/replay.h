// A job's log turned back into parameters, and checked on the way.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "common/digest.h"
#include "common/strategy/state.h"
#include "seedcast/v1/parameters.pb.h"

namespace seedcast {

// Follows the log from one state on.
class Replay {
 public:
  // `spec` is resolved. `chain` is the link before the first record to come; without it links are not checked.
  Replay(v1::JobSpec spec, State first, std::optional<Digest> chain, int threads);

  // Checks that the record is the next one, was measured on this state, and is linked to the one before; then updates.
  // DATA_LOSS names the generation, what was expected and what was found.
  absl::Status Apply(const v1::GenerationRecord& record);

  // Checks the record that closes the log of a job that succeeded, which has no fitness, in the same way.
  absl::Status Close(const v1::GenerationRecord& record);

  const State& state() const { return state_; }

 private:
  absl::Status Check(const v1::GenerationRecord& record);

  const v1::JobSpec spec_;
  const int threads_;
  State state_;
  std::optional<Digest> chain_;
};

// The state at `version`: a snapshot, and the log from there. `status` is the job's.
absl::StatusOr<State> ReadState(Client& client, const v1::JobStatus& status, int64_t version);

struct VerifyReport {
  int64_t first_version = 0;
  int64_t generations = 0;  // replayed
  int64_t snapshots = 0;    // compared
  std::string digest;       // of the last state, hex
  // Why version 0 was not recomputed from the task but taken from its snapshot; empty when it was.
  std::string first_state_note;
};

// Replays a whole job here and compares every digest, link and snapshot. DATA_LOSS at the first difference.
absl::StatusOr<VerifyReport> Verify(Client& client, const std::string& job_id, int threads,
                                    const std::function<void(int64_t version, int64_t versions)>& on_progress);

}  // namespace seedcast
