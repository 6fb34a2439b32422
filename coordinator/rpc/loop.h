// The coordinator's thread. Everything that touches the Coordinator is posted here and runs in order of posting.
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "coordinator/coordinator.h"

namespace seedcast {

class CoordinatorLoop {
 public:
  using Task = std::function<void(Coordinator& coordinator, absl::Time now)>;

  // Borrows both until Stop. Every 100 ms runs OnTick, then `also` on the same thread.
  CoordinatorLoop(Coordinator* coordinator, const SteadyClock* clock, std::function<void(absl::Time now)> also);
  ~CoordinatorLoop() { Stop(); }

  // Any thread. Tasks must not block. After Stop has returned nothing may be posted.
  void Post(Task task);

  // Runs what was posted, then ends the thread. Idempotent.
  void Stop();

 private:
  void Run();
  bool Awake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !tasks_.empty(); }

  Coordinator& coordinator_;
  const SteadyClock& clock_;
  const std::function<void(absl::Time now)> also_;

  absl::Mutex mutex_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace seedcast
