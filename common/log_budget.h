// For what strangers can make a program say as often as they like: a few lines of it reach the log, the rest is
// counted.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace seedcast {

class LogBudget {
 public:
  LogBudget(int lines, absl::Duration window) : lines_(lines), window_(window) {}

  // Whether a line may be written; then how many were not since the last that was. Thread-safe.
  std::optional<int64_t> Take(absl::Time now) {
    absl::MutexLock lock(&mutex_);
    if (now >= window_ends_) {
      window_ends_ = now + window_;
      left_ = lines_;
    }
    if (left_ == 0) {
      ++withheld_;
      return std::nullopt;
    }
    --left_;
    return std::exchange(withheld_, 0);
  }

 private:
  const int lines_;
  const absl::Duration window_;
  absl::Mutex mutex_;
  absl::Time window_ends_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int left_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t withheld_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace seedcast
