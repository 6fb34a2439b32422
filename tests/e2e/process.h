// A program under test as a real process: its standard error is read line by line, it is killed by its own pid, and it
// never outlives the test.
#pragma once

#include <sys/types.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace seedcast {

// How many times as long all may take: under a sanitizer programs are about this much slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kPatience = 8;
#else
inline constexpr int kPatience = 1;
#endif

class Process {
 public:
  // `program` relative to the build directory: "worker/seedcast-worker".
  Process(const std::string& program, std::vector<std::string> arguments);
  ~Process();  // SIGKILL, if it still runs
  Process(const Process&) = delete;

  // The first line that contains `text`, now or within `timeout`; empty when there is none.
  std::string WaitForLine(const std::string& text, absl::Duration timeout = kPatience * absl::Seconds(30));
  pid_t pid() const { return pid_; }
  void Signal(int signal);
  // Exit code, or minus the signal that ended it; fails the test and kills it after `timeout`.
  int Wait(absl::Duration timeout = kPatience * absl::Seconds(30));
  std::string Output();

 private:
  void ReadLines(int fd);
  bool Closed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closed_; }

  pid_t pid_ = -1;
  bool waited_ = false;
  int exit_code_ = -1;
  absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;  // the process has closed its standard error
  std::thread reader_;
};

}  // namespace seedcast
