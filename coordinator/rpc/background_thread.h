// A thread for what may block (files, downloads), so that neither the coordinator's thread nor gRPC's do.
#pragma once

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace seedcast {

class BackgroundThread {
 public:
  BackgroundThread() : thread_([this] { Run(); }) {}
  // Runs what was posted, then ends.
  ~BackgroundThread() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }

  // Any thread; runs in order of posting.
  void Post(std::function<void()> work) {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(work));
  }

 private:
  bool Awake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }

  void Run() {
    while (true) {
      std::vector<std::function<void()>> batch;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &BackgroundThread::Awake));
        if (queue_.empty()) return;
        batch.swap(queue_);
      }
      for (const auto& work : batch) work();
    }
  }

  absl::Mutex mutex_;
  std::vector<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace seedcast
