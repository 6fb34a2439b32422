// The streams of connected workers by worker_id: how the coordinator's messages find their way out.
//
// A stream that is no worker's (before its Hello, or told to end) has only so long to change that: then it is cut off,
// or silent peers, and those that do not read their last messages, would pile up here.
//
// Everything but OnStreamOpened and AwaitNoStreams runs on the coordinator's thread, so there is no lock around the
// maps.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/transferred_bytes.h"
#include "coordinator/coordinator.h"

namespace seedcast {

class CoordinatorLoop;
class WorkerStream;

class WorkerRegistry final : public WorkerLinks {
 public:
  // `patience` is how long a stream may be no worker's.
  explicit WorkerRegistry(absl::Duration patience) : patience_(patience) {}

  // A worker that does not take its messages is cut off. What many get is serialised once and is in memory once,
  // however many queues it waits in.
  void Send(const std::string& worker_id, const v1::CoordinatorMessage& message) override;
  void Broadcast(const std::vector<std::string>& worker_ids, const v1::CoordinatorMessage& message) override;
  void Close(const std::string& worker_id, const absl::Status& reason) override;

  // Null when no stream has this id.
  WorkerStream* Find(const std::string& worker_id) const;
  // In the place of the stream that has it now, if any.
  void Add(const std::string& worker_id, WorkerStream* stream);
  void Remove(const std::string& worker_id);
  void CloseAll(const absl::Status& reason);
  int workers() const { return static_cast<int>(streams_.size()); }

  // Bytes on the wire of a job. WorkerLinks must not call the coordinator back, so they wait here for TakeBytes.
  void Count(const std::string& job_id, int64_t bytes);
  void TakeBytes(Coordinator& coordinator);
  // Of all streams; the parameters' service adds its own. Any thread.
  TransferredBytes& transferred() { return transferred_; }

  void AddStranger(WorkerStream* stream) { strangers_.emplace(stream, absl::InfiniteFuture()); }
  // Cuts off those whose time is over; theirs begins with the first call that finds them. Call every 100 ms or so.
  void CutOffStrangers(absl::Time now);
  int64_t strangers_cut_off() const { return strangers_cut_off_; }  // so far; any thread

  // Streams alive, with or without Hello. AwaitNoStreams: false after `timeout`.
  void OnStreamOpened();
  void OnStreamDeleted(WorkerStream* stream);
  bool AwaitNoStreams(absl::Duration timeout);

 private:
  void SendRaw(const std::string& worker_id, const std::string& job_id, const grpc::ByteBuffer& bytes);

  const absl::Duration patience_;
  std::map<std::string, WorkerStream*> streams_;
  std::map<WorkerStream*, absl::Time> strangers_;  // no worker's, with their deadline once it is known
  std::map<std::string, int64_t> bytes_;           // by job, since the last TakeBytes
  TransferredBytes transferred_;
  std::atomic<int64_t> strangers_cut_off_ = 0;

  absl::Mutex mutex_;
  int open_streams_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace seedcast
