// The writing half of a streaming reactor: one write in flight, a bounded queue behind it, and Finish exactly once.
//
//   open ----End----> ending ----queue written, no holds----> finished
//     \-----Abort, a failed write, the client's cancellation: the same, with the queue dropped
//
// gRPC 1.51 never returns from Shutdown while one reactor is unfinished, so every path must lead to the right. Once
// finished the call may be gone at any moment; a Hold keeps it from finishing.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/rpc/raw_message.h"
#include "coordinator/rpc/status.h"

namespace seedcast {

// Reactor is grpc::ServerWriteReactor<Message> or grpc::ServerBidiReactor<..., Message>; Message may be a ByteBuffer.
template <typename Reactor, typename Message>
class QueuedWriter : public Reactor {
 public:
  explicit QueuedWriter(grpc::CallbackServerContext* context) : context_(*context) {}

  // Queues messages in order. False, and nothing is queued, when the peer is too far behind (see the limits below).
  // Dropped once the stream is ending. Any thread.
  bool Write(std::vector<Message> messages) ABSL_LOCKS_EXCLUDED(mutex_) {
    const Message* first;
    {
      absl::MutexLock lock(&mutex_);
      if (ending_) return true;
      if (!Fits(messages.size())) return false;
      for (Message& message : messages) {
        queued_bytes_ += SizeInQueue(message);
        queue_.push_back(std::move(message));
      }
      if (writing_ || queue_.empty()) return true;
      writing_ = true;
      first = &queue_.front();
    }
    this->StartWrite(first);
    return true;
  }
  bool Write(Message message) {
    std::vector<Message> one;
    one.push_back(std::move(message));
    return Write(std::move(one));
  }

  // For news of which only the last counts: a peer that is far behind gets the newest and misses what was between, so
  // the message is always taken. Not beside Write on one stream. Any thread.
  void WriteNewest(Message message) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (!ending_ && (newest_ || queue_.size() >= kMaxQueuedNews)) {
        newest_ = std::move(message);  // OnWriteDone comes to it
        return;
      }
    }
    Write(std::move(message));
  }

  // Ends the stream once everything queued is written. The first status counts. Any thread.
  void End(const absl::Status& status) { EndWith(status, /*drop_queue=*/false); }

  // Ends it now, also when the peer does not read: it may then see CANCELLED instead of `status`. Any thread.
  void Abort(const absl::Status& status) {
    if (!Hold()) return;
    EndWith(status, /*drop_queue=*/true);
    context_.TryCancel();
    Release();
  }

  // Between Hold and Release the stream does not finish. False when it has finished already.
  bool Hold() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (finished_) return false;
    ++holds_;
    return true;
  }
  void Release() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::optional<grpc::Status> last;
    {
      absl::MutexLock lock(&mutex_);
      --holds_;
      last = TakeLast();
    }
    if (last) this->Finish(*last);
  }

 protected:
  // All that was queued is written and the stream has not finished. Runs on gRPC's threads.
  virtual void OnQueueEmpty() {}

 private:
  // Whoever is further behind does not read. An empty queue takes a message of any size.
  static constexpr size_t kMaxQueuedMessages = 4096;
  static constexpr size_t kMaxQueuedBytes = size_t{16} << 20;
  static constexpr size_t kMaxQueuedNews = 64;

  bool Fits(size_t messages) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queue_.empty() || (queue_.size() + messages <= kMaxQueuedMessages && queued_bytes_ <= kMaxQueuedBytes);
  }

  void EndWith(const absl::Status& status, bool drop_queue) ABSL_LOCKS_EXCLUDED(mutex_) {
    std::optional<grpc::Status> last;
    {
      absl::MutexLock lock(&mutex_);
      if (drop_queue) DropQueue();
      if (!ending_) ending_ = ToGrpc(status);
      last = TakeLast();
    }
    if (last) this->Finish(*last);
  }

  // All but the message that is being written, which gRPC still reads.
  void DropQueue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    newest_.reset();
    queue_.erase(queue_.begin() + (writing_ ? 1 : 0), queue_.end());
    queued_bytes_ = writing_ ? SizeInQueue(queue_.front()) : 0;
  }

  // The status to Finish with, if it is time to: at once after the mutex is let go, touching nothing of *this.
  std::optional<grpc::Status> TakeLast() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!ending_ || writing_ || holds_ > 0 || finished_) return std::nullopt;
    finished_ = true;
    return ending_;
  }

  void OnWriteDone(bool ok) final ABSL_LOCKS_EXCLUDED(mutex_) {
    if (!ok) EndWith(absl::CancelledError("the peer is gone"), /*drop_queue=*/true);
    const Message* next = nullptr;
    std::optional<grpc::Status> last;
    {
      absl::MutexLock lock(&mutex_);
      queued_bytes_ -= SizeInQueue(queue_.front());
      queue_.pop_front();
      if (queue_.empty() && newest_) {
        queued_bytes_ += SizeInQueue(*newest_);
        queue_.push_back(*std::exchange(newest_, std::nullopt));
      }
      writing_ = !queue_.empty();
      if (writing_) next = &queue_.front();
      last = TakeLast();
    }
    if (next != nullptr) {
      this->StartWrite(next);
    } else if (last) {
      this->Finish(*last);
    } else {
      OnQueueEmpty();
    }
  }

  void OnCancel() final { EndWith(absl::CancelledError("cancelled"), /*drop_queue=*/true); }

  grpc::CallbackServerContext& context_;  // not to be touched once finished_

  absl::Mutex mutex_;
  std::deque<Message> queue_ ABSL_GUARDED_BY(mutex_);  // the front is being written while writing_
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Message> newest_ ABSL_GUARDED_BY(mutex_);  // only while the queue is not empty
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<grpc::Status> ending_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace seedcast
