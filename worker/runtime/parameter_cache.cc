#include "worker/runtime/parameter_cache.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/strategy/estimator.h"

namespace seedcast {
namespace {

constexpr size_t kPinnedVersions = 2;
constexpr int64_t kMaxClosedValues = int64_t{16} << 20;  // outcomes' values kept for a replay that is not possible yet
constexpr int64_t kMaxFetchedValues = int64_t{4} << 20;  // outcomes' values in one fetch of the log
constexpr int64_t kMaxHistoryBytes = int64_t{1} << 30;
constexpr double kNewestWeight = 0.3;  // of the moving averages

// Guesses until something is measured: one core's noise, a home network.
constexpr double kNoisePerSecond = 1e9;
constexpr double kSnapshotLatencySeconds = 0.02;
constexpr double kSnapshotBytesPerSecond = 100e6;

void MoveAverage(double measured, double* average) {
  *average = *average == 0 ? measured : *average + kNewestWeight * (measured - *average);
}

}  // namespace

ParameterCache::ParameterCache(std::string job_id, std::shared_ptr<const v1::JobSpec> spec, v1::WorkerStats* stats)
    : job_id_(std::move(job_id)), spec_(std::move(spec)), carries_state_(CarriesState(*spec_)), stats_(stats) {}

void ParameterCache::SetTask(std::shared_ptr<const Task> task) { task_ = std::move(task); }

const ParameterCache::Held* ParameterCache::Find(int64_t version) const {
  if (tip_version() == version) return &*tip_;
  const auto it =
      std::find_if(pinned_.begin(), pinned_.end(), [&](const Held& held) { return held.state->version == version; });
  return it == pinned_.end() ? nullptr : &*it;
}

ParameterCache::Next ParameterCache::Bring(int64_t version, bool refetch, absl::Time now) {
  const bool pin = tip_version() > version;
  if (carries_state_ && !pin) {
    if (absl::Status status = CheckHistoryFits(version); !status.ok()) {
      closed_.clear();  // or we would try to advance again and again
      return status;
    }
  }
  build_ = Build{.version = version, .pin = pin, .refetch = refetch};
  if (refetch) {
    std::erase_if(pinned_, [&](const Held& held) { return held.state->version == version; });
    if (tip_version() == version) tip_.reset();
  }
  if (!build_->pin && !refetch) build_->at = std::exchange(tip_, std::nullopt);
  return NextStage(now);
}

void ParameterCache::OnGenerationClosed(int64_t generation, OutcomeValues outcome) {
  const bool useful = (tip_ || build_) && generation >= tip_version();
  if (!useful || static_cast<int64_t>(outcome.fitness.size() + outcome.gradient.size()) != ValuesPerOutcome()) return;
  closed_.insert_or_assign(generation, std::move(outcome));
  // Too many only while something else is slow; the log still has them.
  if (static_cast<int64_t>(closed_.size()) * ValuesPerOutcome() > kMaxClosedValues) closed_.clear();
}

bool ParameterCache::CanAdvance() const { return !build_ && tip_ && closed_.contains(tip_version()); }

ParameterCache::Next ParameterCache::Advance(absl::Time now) {
  int64_t end = tip_version();
  while (closed_.contains(end)) ++end;
  return Bring(end, /*refetch=*/false, now);
}

ParameterCache::Next ParameterCache::NextStage(absl::Time now) {
  const int64_t from = build_position();
  if (build_->at && from == build_->version) return Finish();
  if (build_->refetch && !build_->snapshot_tried) return FetchSnapshot(now);
  const int64_t gap_end = GapEnd(from);
  if (gap_end == from) {
    build_->began = now;
    return Replay(TakeClosed(from, build_->version));
  }
  if (!build_->snapshot_tried && SnapshotIsQuicker(NewestUsefulSnapshot() - from)) return FetchSnapshot(now);
  return FetchLog(from, gap_end, now);
}

ParameterCache::Next ParameterCache::FetchSnapshot(absl::Time now) {
  build_->stage = Stage::kFetchSnapshot;
  build_->snapshot_tried = true;
  build_->began = now;
  return WorkerAction(action::FetchSnapshot{0, job_id_, NewestUsefulSnapshot()});
}

ParameterCache::Next ParameterCache::FetchLog(int64_t from, int64_t to, absl::Time now) {
  build_->stage = Stage::kFetchLog;
  build_->began = now;
  const int64_t at_once = std::max<int64_t>(1, kMaxFetchedValues / ValuesPerOutcome());
  return WorkerAction(action::FetchLog{0, job_id_, from, std::min(to, from + at_once)});
}

ParameterCache::Next ParameterCache::Replay(std::vector<OutcomeValues> outcomes) {
  build_->stage = Stage::kReplay;
  build_->replaying = static_cast<int64_t>(outcomes.size());
  action::BuildState action{.id = 0, .spec = spec_, .task = task_, .outcomes = std::move(outcomes)};
  if (keeps_history()) action.keep_from = OldestReset(*spec_, build_position() + build_->replaying);
  if (build_->at) {
    build_->before = std::move(build_->at->history);
    action.base = std::move(build_->at->state);
  }
  build_->at.reset();
  return WorkerAction(std::move(action));
}

ParameterCache::Next ParameterCache::OnLog(absl::StatusOr<std::vector<v1::GenerationRecord>> records, absl::Time now) {
  if (!records.ok()) return AfterFailure(records.status(), now);
  std::vector<OutcomeValues> outcomes;
  int64_t next = build_position();
  for (const v1::GenerationRecord& record : *records) {
    if (record.generation() != next || next == build_->version) break;
    outcomes.push_back(OutcomeValuesOf(record));
    ++next;
  }
  if (outcomes.empty()) {
    return AfterFailure(absl::NotFoundError(absl::StrCat("the log gave no generation ", next)), now);
  }
  return Replay(std::move(outcomes));
}

ParameterCache::Next ParameterCache::OnSnapshot(absl::StatusOr<std::string> bytes, absl::Time now) {
  if (!bytes.ok()) return AfterFailure(bytes.status(), now);
  if (bytes->empty()) return AfterFailure(absl::DataLossError("an empty snapshot"), now);
  build_->stage = Stage::kParse;
  return WorkerAction(action::BuildState{.id = 0, .spec = spec_, .task = task_, .snapshot = *std::move(bytes)});
}

ParameterCache::Next ParameterCache::OnBuilt(absl::StatusOr<event::BuiltState> built, absl::Time now) {
  if (!built.ok()) return AfterFailure(built.status(), now);
  if (build_->stage == Stage::kReplay) {
    OnReplayed(*std::move(built), now);
  } else if (absl::Status status = OnParsed(*std::move(built), now); !status.ok()) {
    return AfterFailure(std::move(status), now);
  }
  return NextStage(now);
}

absl::Status ParameterCache::OnParsed(event::BuiltState built, absl::Time now) {
  MoveAverage(absl::ToDoubleSeconds(now - build_->began), &snapshot_seconds_);
  stats_->set_snapshot_seconds(snapshot_seconds_);
  stats_->set_fetched_snapshots(stats_->fetched_snapshots() + 1);
  const int64_t version = built.state->version;
  if (version > NewestUsefulSnapshot()) {
    return absl::DataLossError(
        absl::StrCat("asked for a snapshot at or below version ", NewestUsefulSnapshot(), ", got version ", version));
  }
  const bool newer = !build_->at || version > build_position();
  if (newer) build_->at = Held{std::move(built.state), std::move(built.digest)};
  if (newer && keeps_history()) build_->at->history = std::make_shared<const ThetaHistory>(ThetaHistory{version});
  return absl::OkStatus();
}

void ParameterCache::OnReplayed(event::BuiltState built, absl::Time now) {
  if (build_->replaying > 0) {
    MoveAverage(absl::ToDoubleSeconds(now - build_->began) / build_->replaying, &replay_seconds_);
    stats_->set_replay_seconds_per_generation(replay_seconds_);
    stats_->set_replayed_generations(stats_->replayed_generations() + build_->replaying);
  }
  Held held{std::move(built.state), std::move(built.digest)};
  if (keeps_history()) {
    const int64_t version = held.state->version;
    const ThetaHistory before = build_->before ? *build_->before : ThetaHistory{};
    held.history =
        std::make_shared<const ThetaHistory>(before.Continued(built.thetas, version, OldestReset(*spec_, version)));
  }
  build_->at = std::move(held);
}

ParameterCache::Next ParameterCache::AfterFailure(absl::Status status, absl::Time now) {
  if (build_->stage == Stage::kFetchLog || build_->stage == Stage::kReplay) {
    build_->log_failed = true;
    return build_->snapshot_tried ? GiveUp(std::move(status)) : FetchSnapshot(now);
  }
  return build_->refetch || build_->log_failed ? GiveUp(std::move(status)) : NextStage(now);
}

ParameterCache::Next ParameterCache::GiveUp(absl::Status status) {
  if (build_->at && !build_->pin && !build_->refetch) tip_ = std::move(build_->at);
  build_.reset();
  return status;
}

ParameterCache::Next ParameterCache::Finish() {
  build_->at->refetched = build_->refetch;
  if (build_->pin) {
    pinned_.push_front(*std::move(build_->at));
    if (pinned_.size() > kPinnedVersions) pinned_.pop_back();
  } else {
    tip_ = std::move(build_->at);
    closed_.erase(closed_.begin(), closed_.lower_bound(tip_version()));
  }
  build_.reset();
  return std::nullopt;
}

absl::Status ParameterCache::CheckHistoryFits(int64_t version) const {
  const int64_t versions = version - OldestReset(*spec_, version);
  const int64_t most = kMaxHistoryBytes / (static_cast<int64_t>(sizeof(float)) * task_->num_parameters());
  if (versions <= most) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("inner trainings reach back ", versions, " versions of ",
                                                   task_->num_parameters(), " parameters; a worker keeps at most ",
                                                   most, " of them"));
}

// With carried state the versions since then are all needed, one after another.
int64_t ParameterCache::NewestUsefulSnapshot() const {
  return keeps_history() ? OldestReset(*spec_, build_->version) : build_->version;
}

bool ParameterCache::SnapshotIsQuicker(int64_t generations) const {
  const auto num_parameters = static_cast<double>(task_->num_parameters());
  const double pairs = static_cast<double>(spec_->strategy().population_size()) / 2;
  const double replay = replay_seconds_ > 0 ? replay_seconds_ : num_parameters * pairs / kNoisePerSecond;
  const double bytes = 3 * sizeof(float) * num_parameters;  // theta and two moments
  const double snapshot =
      snapshot_seconds_ > 0 ? snapshot_seconds_ : kSnapshotLatencySeconds + bytes / kSnapshotBytesPerSecond;
  return snapshot < static_cast<double>(generations) * replay;
}

int64_t ParameterCache::ValuesPerOutcome() const {
  const bool by_gradient = spec_->strategy().estimator() == v1::Strategy::GRADIENT;
  return FitnessCount(*spec_) + (by_gradient ? task_->num_parameters() : 0);
}

int64_t ParameterCache::GapEnd(int64_t from) const {
  const auto next = closed_.lower_bound(from);
  return next == closed_.end() ? build_->version : std::min(next->first, build_->version);
}

std::vector<OutcomeValues> ParameterCache::TakeClosed(int64_t from, int64_t to) {
  std::vector<OutcomeValues> outcomes;
  for (auto it = closed_.find(from); it != closed_.end() && it->first == from && from < to; ++from) {
    outcomes.push_back(std::move(it->second));
    it = closed_.erase(it);
  }
  return outcomes;
}

}  // namespace seedcast
