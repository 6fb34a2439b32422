// What happens to a worker (events) and what it wants done (actions): the vocabulary between WorkerCore, which
// decides, and its owner, which has threads and sockets (worker.h) or only pretends to (tests/sim).
//
// Whatever takes time is an action with an `id` that its answer carries back; an answer that nobody waits for any more
// is ignored. Each such action must be answered exactly once, in any order, in the process's own time.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/strategy/outcome.h"
#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/parameters.pb.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/runtime/evaluate_lease.h"
#include "worker/runtime/theta_history.h"
#include "worker/tasks/task.h"

namespace seedcast {

namespace action {

struct Connect {  // answered by Received(Welcome) or Closed
  v1::Hello hello;
};
struct Disconnect {};  // Closed follows; twice: without waiting for the peer (Transport::Disconnect)
struct Send {
  v1::WorkerMessage message;
};

// Evaluate `work` on this slot, which is free. Answered by SlotDone. The owner lets go of `work` (its state above all)
// before it reports SlotDone: the core may then change that state in place.
struct RunLease {
  int slot;
  LeaseWork work;
};
struct CancelLease {  // what runs on this slot stops between two pairs; SlotDone still follows
  int slot;
};

struct FetchLog {  // generations [from, to); answered by LogFetched, possibly with fewer
  int64_t id;
  std::string job_id;
  int64_t from;
  int64_t to;
};
struct FetchSnapshot {  // answered by SnapshotFetched
  int64_t id;
  std::string job_id;
  int64_t at_or_below;
};
struct FetchArtifact {  // into the local artifact store, unless it is there; answered by ArtifactFetched
  int64_t id;
  std::string digest;
};
struct MakeTask {  // answered by TaskMade
  int64_t id;
  std::shared_ptr<const v1::JobSpec> spec;
};

// Build parameters: start from `base`, else from the snapshot's bytes, else from the task's initial theta; then replay
// `outcomes`, one generation each, setting aside theta at the versions >= keep_from that it leaves behind.
// RunBuildState (build_state.h) does it. Answered by StateBuilt.
struct BuildState {
  int64_t id;
  std::shared_ptr<const v1::JobSpec> spec;
  std::shared_ptr<const Task> task;
  std::shared_ptr<State> base{};
  bool in_place = false;  // nobody else reads `base`: no copy is needed
  std::string snapshot{};
  std::vector<OutcomeValues> outcomes{};  // of successive generations
  int64_t keep_from = std::numeric_limits<int64_t>::max();
  int threads = 1;
};

struct Exit {  // last action: the worker is done, whatever still runs on its slots
  absl::Status status;
};

}  // namespace action

using WorkerAction = std::variant<action::Connect, action::Disconnect, action::Send, action::RunLease,
                                  action::CancelLease, action::FetchLog, action::FetchSnapshot, action::FetchArtifact,
                                  action::MakeTask, action::BuildState, action::Exit>;

namespace event {

struct Start {};  // once, first
struct Received {
  v1::CoordinatorMessage message;
};
struct Closed {  // the stream of the last Connect has ended, or never opened
  absl::Status status;
};
struct SlotDone {
  int slot;
  bool complete;  // false: cancelled before the end, `result` is to be ignored
  v1::LeaseResult result;
  int64_t slot_bytes = 0;  // scratch memory of the slot
};
struct LogFetched {
  int64_t id;
  absl::StatusOr<std::vector<v1::GenerationRecord>> records;
};
struct SnapshotFetched {
  int64_t id;
  absl::StatusOr<std::string> bytes;
};
struct ArtifactFetched {
  int64_t id;
  absl::Status status;
  bool was_here = false;  // nothing had to be fetched
};
struct TaskMade {
  int64_t id;
  absl::StatusOr<std::shared_ptr<const Task>> task;
};
struct BuiltState {
  std::shared_ptr<State> state;
  std::string digest;                         // hex
  std::vector<ThetaHistory::Theta> thetas{};  // set aside; the last is of the version before the state's
};
struct StateBuilt {
  int64_t id;
  absl::StatusOr<BuiltState> built;
};
struct Tick {                 // due at WorkerCore::next_tick(); earlier and later ones do no harm
  std::vector<int32_t> done;  // (slots) pairs or episodes done of each slot's lease; may be empty
};
struct DrainRequested {};  // the second one means: at once

}  // namespace event

using WorkerEvent = std::variant<event::Start, event::Received, event::Closed, event::SlotDone, event::LogFetched,
                                 event::SnapshotFetched, event::ArtifactFetched, event::TaskMade, event::StateBuilt,
                                 event::Tick, event::DrainRequested>;

}  // namespace seedcast
