// The streams of connected workers by worker_id: how the coordinator's messages find their way out.
//
// Everything but AwaitNoStreams runs on the coordinator's thread, so there is no lock around the map.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/coordinator.h"

namespace seedcast {

class CoordinatorLoop;
class WorkerStream;

class WorkerRegistry final : public WorkerLinks {
 public:
  // A worker that does not take its messages is cut off.
  void Send(const std::string& worker_id, const v1::CoordinatorMessage& message) override;
  void Close(const std::string& worker_id, const absl::Status& reason) override;

  // Null when no stream has this id.
  WorkerStream* Find(const std::string& worker_id) const;
  void Add(const std::string& worker_id, WorkerStream* stream) { streams_[worker_id] = stream; }
  void Remove(const std::string& worker_id) { streams_.erase(worker_id); }
  void CloseAll(const absl::Status& reason);

  // Bytes on the wire of a job. WorkerLinks must not call the coordinator back, so they wait here for TakeBytes.
  void Count(const std::string& job_id, int64_t bytes);
  void TakeBytes(Coordinator& coordinator);

  // Streams alive, with or without Hello. AwaitNoStreams: false after `timeout`.
  void OnStreamOpened();
  void OnStreamDeleted();
  bool AwaitNoStreams(absl::Duration timeout);

 private:
  std::map<std::string, WorkerStream*> streams_;
  std::map<std::string, int64_t> bytes_;  // by job, since the last TakeBytes

  absl::Mutex mutex_;
  int open_streams_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace seedcast
