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

  // Finds the data set of a spec as it was submitted, or of a job taken up again, so that what is below need not. May
  // take minutes: nothing else downloads.
  absl::Status MakeReady(const v1::JobSpec& spec);

  // Puts the data set's digest into a resolved spec. One that is there already stays; INVALID_ARGUMENT when it is not
  // what the spec's data set can have.
  absl::Status FillIn(v1::JobSpec* spec);

  // Ends a download under way, and every later one: MakeReady returns CANCELLED.
  void Stop() { stopping_ = true; }

  // NOT_FOUND: the data is no longer here, and it takes MakeReady to bring it back.
  absl::StatusOr<std::unique_ptr<Task>> MakeTask(const v1::JobSpec& spec);
  absl::StatusOr<std::string> Read(const std::string& digest) const { return artifacts_.Get(digest); }

 private:
  absl::StatusOr<std::string> DigestOf(v1::ProtoNetTask::Dataset kind, bool download);

  std::atomic<bool> stopping_ = false;
  const DataOptions options_;
  ArtifactStore artifacts_;
  absl::Mutex mutex_;
  std::map<v1::ProtoNetTask::Dataset, std::string> digests_ ABSL_GUARDED_BY(mutex_);  // as they were found last
};

}  // namespace seedcast
