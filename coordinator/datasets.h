// The data sets behind jobs: found when a job is submitted, served to workers by digest.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "seedcast/v1/job.pb.h"
#include "worker/data/artifacts.h"
#include "worker/data/locate.h"
#include "worker/tasks/task.h"

namespace seedcast {

// Any thread.
class Datasets {
 public:
  explicit Datasets(DataOptions options);

  // Finds the data set of a spec as it was submitted, so that FillIn is quick. May take minutes (a download).
  absl::Status MakeReady(const v1::JobSpec& spec);

  // Puts the data set's digest into a resolved spec. A digest that is there already (of a forked job) stays when its
  // data is at hand; INVALID_ARGUMENT when it is not what the spec's data set has.
  absl::Status FillIn(v1::JobSpec* spec);

  // Ends a download under way, and every later one: MakeReady returns CANCELLED.
  void Stop() { stopping_ = true; }

  absl::StatusOr<std::unique_ptr<Task>> MakeTask(const v1::JobSpec& spec);
  absl::StatusOr<std::string> Read(const std::string& digest) const { return artifacts_.Get(digest); }

 private:
  absl::StatusOr<std::string> DigestOf(v1::ProtoNetTask::Dataset kind);

  std::atomic<bool> stopping_ = false;
  const DataOptions options_;
  ArtifactStore artifacts_;
  absl::Mutex mutex_;
  std::map<v1::ProtoNetTask::Dataset, std::string> digests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedcast
