#include "coordinator/rpc/loop.h"

#include <utility>

namespace seedcast {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

}  // namespace

CoordinatorLoop::CoordinatorLoop(Coordinator* coordinator, const SteadyClock* clock,
                                 std::function<void(absl::Time now)> also)
    : coordinator_(*coordinator), clock_(*clock), also_(std::move(also)), thread_([this] { Run(); }) {}

void CoordinatorLoop::Post(Task task) {
  absl::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
}

void CoordinatorLoop::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void CoordinatorLoop::Run() {
  absl::Time next_tick = clock_.Now() + kTick;
  std::vector<Task> batch;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &CoordinatorLoop::Awake), next_tick - clock_.Now());
      if (stopping_ && tasks_.empty()) return;
      batch.swap(tasks_);
    }
    for (Task& task : batch) task(coordinator_, clock_.Now());
    batch.clear();
    if (const absl::Time now = clock_.Now(); now >= next_tick) {
      coordinator_.OnTick(now);
      also_(now);
      next_tick = now + kTick;
    }
  }
}

}  // namespace seedcast
