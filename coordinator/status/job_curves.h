// The histories of jobs that people look at, thinned, so that the log is read once and then only its new end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

class JobCurves {
 public:
  // Of these generations of a job's log, ascending, those that are there.
  using ReadMetrics = std::function<absl::StatusOr<std::vector<v1::GenerationMetrics>>(
      const std::string& job_id, const std::vector<int64_t>& generations)>;

  explicit JobCurves(ReadMetrics read) : read_(std::move(read)) {}

  // The shown generations (shown_generations.h) of a job as `status` describes it that are later than `after`, without
  // what they say of clusters and groups. Errors are `read`'s. Any thread.
  absl::StatusOr<std::vector<v1::GenerationMetrics>> Get(const v1::JobStatus& status, int64_t after)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Curve {
    std::map<int64_t, v1::GenerationMetrics> points;
    int64_t read_to = 0;  // what came before is in `points`, as far as it is shown
    int64_t last_use = 0;
  };

  Curve& Use(const std::string& job_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Extend(const std::string& job_id, const std::vector<int64_t>& shown, Curve* curve)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ReadMetrics read_;
  absl::Mutex mutex_;
  std::map<std::string, Curve> curves_ ABSL_GUARDED_BY(mutex_);
  int64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace seedcast
