// The gRPC calls that are under way, so that their owner can end them all before it goes.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace seedcast {

inline absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};  // both count alike
}

// A call's reactor adds itself before it starts; in OnDone it calls Remove, then deletes itself, then calls Finished:
// what it holds of its channel is thus gone before the owner lets go of the channel, in a thread that is not gRPC's.
class GrpcCalls {
 public:
  void Add(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    contexts_.insert(context);
    ++unfinished_;
    if (ending_) context->TryCancel();
  }
  void Remove(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    contexts_.erase(context);
  }
  void Finished() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    --unfinished_;
  }

  // Cancels what runs and whatever is still added; returns when all have finished. Not from a reaction.
  void EndAll() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
    for (grpc::ClientContext* context : contexts_) context->TryCancel();
    mutex_.Await(absl::Condition(
        +[](int* unfinished) { return *unfinished == 0; }, &unfinished_));
  }

 private:
  absl::Mutex mutex_;
  std::set<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mutex_);
  int unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace seedcast
