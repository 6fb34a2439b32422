// The parameters of one job on one worker, as a cache of the job's log: the newest version in use (the tip), and a few
// older ones (pinned) that evaluations asked for. Decides how to come to a version; pure, like its owner WorkerCore.
//
// One build at a time. A build is a chain of stages, each one action and its answer:
//   fetch snapshot -> parse it -> (fetch log -> replay it)*        or        (fetch log -> replay it)*
// whichever should be quicker by what the last ones took. When one way fails the other is tried.
//
// For a job with carried state the tip also keeps theta at the versions since OldestReset
// (common/strategy/estimator.h), for inner trainings that have to be unrolled again: one theta for each generation of
// the longest inner training, 1 GiB at most; beyond that the job's leases fail. A snapshot then helps only at or below
// OldestReset.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/runtime/events.h"

namespace seedcast {

class ParameterCache {
 public:
  struct Held {
    std::shared_ptr<State> state;
    std::string digest;      // hex
    bool refetched = false;  // built from a snapshot because an earlier copy did not match its digest
    // With carried state: versions OldestReset(version) .. version - 1. Else, and for pinned ones, null.
    std::shared_ptr<const ThetaHistory> history{};
  };
  // What comes next: an action (its id, threads and in_place are the owner's to fill in), nothing when the build is
  // done, or why it failed.
  using Next = absl::StatusOr<std::optional<WorkerAction>>;

  // `stats` outlives the cache.
  ParameterCache(std::string job_id, std::shared_ptr<const v1::JobSpec> spec, v1::WorkerStats* stats);

  void SetTask(std::shared_ptr<const Task> task);  // before the first Bring

  // The parameters at `version` if they are here; valid until the next non-const call.
  const Held* Find(int64_t version) const;
  bool building() const { return build_.has_value(); }
  int64_t target() const { return build_->version; }  // of the build under way

  // Starts a build of `version`; none may be under way. `refetch`: what is here is wrong, take a snapshot.
  Next Bring(int64_t version, bool refetch, absl::Time now);
  // A generation's outcome has arrived unasked.
  void OnGenerationClosed(int64_t generation, OutcomeValues outcome);
  // Starts the build of the next version when its generation is closed.
  bool CanAdvance() const;
  Next Advance(absl::Time now);
  int64_t tip_version() const { return tip_ ? tip_->state->version : -1; }

  // Answers to the build's actions.
  Next OnLog(absl::StatusOr<std::vector<v1::GenerationRecord>> records, absl::Time now);
  Next OnSnapshot(absl::StatusOr<std::string> bytes, absl::Time now);
  Next OnBuilt(absl::StatusOr<event::BuiltState> built, absl::Time now);

 private:
  enum class Stage { kFetchSnapshot, kParse, kFetchLog, kReplay };
  struct Build {
    int64_t version;  // where it is to end
    bool pin;         // for an evaluation of an old version; the tip stays
    bool refetch;
    std::optional<Held> at{};  // where it stands; nothing: at the task's initial theta
    Stage stage = Stage::kReplay;
    absl::Time began{};                            // the fetch and the work after it count as one
    int64_t replaying = 0;                         // generations
    std::shared_ptr<const ThetaHistory> before{};  // history of what is being replayed from
    bool snapshot_tried = false;
    bool log_failed = false;
  };

  Next NextStage(absl::Time now);
  Next FetchSnapshot(absl::Time now);
  Next FetchLog(int64_t from, int64_t to, absl::Time now);
  Next Replay(std::vector<OutcomeValues> outcomes);
  absl::Status OnParsed(event::BuiltState built, absl::Time now);
  void OnReplayed(event::BuiltState built, absl::Time now);
  // Takes the other way, if it was not tried, or gives up.
  Next AfterFailure(absl::Status status, absl::Time now);
  Next GiveUp(absl::Status status);
  Next Finish();

  bool keeps_history() const { return carries_state_ && !build_->pin; }
  absl::Status CheckHistoryFits(int64_t version) const;
  int64_t NewestUsefulSnapshot() const;
  bool SnapshotIsQuicker(int64_t generations) const;
  int64_t ValuesPerOutcome() const;
  int64_t GapEnd(int64_t from) const;                               // closed_ holds none of [from, end)
  std::vector<OutcomeValues> TakeClosed(int64_t from, int64_t to);  // up to the first gap
  int64_t build_position() const { return build_->at ? build_->at->state->version : 0; }

  const std::string job_id_;
  const std::shared_ptr<const v1::JobSpec> spec_;
  const bool carries_state_;
  v1::WorkerStats* const stats_;
  std::shared_ptr<const Task> task_;

  std::optional<Held> tip_;
  std::deque<Held> pinned_;                  // most recently built first
  std::map<int64_t, OutcomeValues> closed_;  // generations that arrived unasked, not yet replayed
  std::optional<Build> build_;
  double replay_seconds_ = 0;    // a generation, moving average; 0 before the first
  double snapshot_seconds_ = 0;  // fetch and parse
};

}  // namespace seedcast
