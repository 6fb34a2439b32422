// The decisions of a worker, as a pure state machine: no thread, clock, socket or file inside. worker.h runs it with
// real ones, the simulation with pretended ones.
//
//            Start                Welcome              Closed
//   kIdle ---------> kConnecting ---------> kOnline ----------> kWaiting --(backoff)--> kConnecting
//                        | refused                | drained
//                        +----------> kExited <---+
//
// Leases queue until their job's task is made, their version of the parameters is here and a slot is free; each then
// runs on that slot to its end. A stream that breaks takes the queued leases with it; running ones go on, and their
// results are sent once the worker is back, for results are keyed by job, version and range.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/noise/philox.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/runtime/events.h"

namespace seedcast {

class ParameterCache;

struct WorkerCoreOptions {
  v1::Hello hello;         // sent at every connect; hello.slots is the number of slots
  uint64_t jitter_seed = 1;  // of the reconnection backoff
  absl::Duration min_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(10);
  absl::Duration welcome_timeout = absl::Seconds(20);  // from Connect to Welcome
  absl::Duration goodbye_timeout = absl::Seconds(5);   // from Goodbye to the stream's end
};

class WorkerCore {
 public:
  explicit WorkerCore(WorkerCoreOptions options);
  ~WorkerCore();

  // What is to be done about `event`, in this order. After an Exit every event is ignored.
  std::vector<Action> Handle(Event event, absl::Time now);

  // When the next Tick is due; InfiniteFuture when none is.
  absl::Time next_tick() const;

  bool online() const;
  const v1::WorkerStats& stats() const { return stats_; }

 private:
  v1::WorkerStats stats_;
};

}  // namespace seedcast
