// The worker's side of WorkerService.Connect: one call, from StartCall to OnDone.
//
// Writes queue behind the one in flight. A hold keeps OnDone away while messages may still be sent from outside of
// reactions; it goes with the end of reading, after which nothing is written any more.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/transferred_bytes.h"
#include "seedcast/v1/worker.grpc.pb.h"
#include "worker/runtime/grpc_calls.h"
#include "worker/runtime/transport.h"

namespace seedcast {

class GrpcStream final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  // `closed` is called once, from OnDone, before the stream deletes itself; nobody may use it after that.
  // `bytes` may be null.
  GrpcStream(GrpcCalls* calls, Transport::Receiver* receiver, TransferredBytes* bytes,
             std::function<void(const absl::Status&)> closed);

  void Begin(v1::WorkerService::Stub* stub, const v1::Hello& hello);
  void Send(const v1::WorkerMessage& message) ABSL_LOCKS_EXCLUDED(mutex_);
  // Half-closes after what is queued.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  GrpcCalls& calls_;
  Transport::Receiver& receiver_;
  TransferredBytes* const bytes_;
  const std::function<void(const absl::Status&)> closed_;
  grpc::ClientContext context_;
  v1::CoordinatorMessage incoming_;

  absl::Mutex mutex_;
  std::deque<v1::WorkerMessage> queue_ ABSL_GUARDED_BY(mutex_);  // the front is being written
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;  // half-close once the queue is empty
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;    // nothing is written any more
};

}  // namespace seedcast
