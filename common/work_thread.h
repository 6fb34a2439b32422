// A thread that does what is posted to it, in order: what may block (files, downloads) or takes long, so that nobody
// who must not wait does it.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace seedcast {

class WorkThread {
 public:
  enum class AtEnd { kDoWhatWaits, kDropWhatWaits };

  explicit WorkThread(AtEnd at_end = AtEnd::kDoWhatWaits) : at_end_(at_end), thread_([this] { Run(); }) {}
  // Finishes what runs, in any case.
  ~WorkThread() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }

  // Any thread.
  void Post(std::function<void()> work) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    queue_.push_back(std::move(work));
  }

 private:
  bool Awake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); }
  bool Done() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.empty() || (stopping_ && at_end_ == AtEnd::kDropWhatWaits);
  }

  void Run() {
    while (true) {
      std::function<void()> work;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &WorkThread::Awake));
        if (Done()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  const AtEnd at_end_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace seedcast
