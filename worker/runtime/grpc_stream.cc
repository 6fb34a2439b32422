#include "worker/runtime/grpc_stream.h"

#include <utility>

namespace seedcast {

GrpcStream::GrpcStream(GrpcCalls* calls, Transport::Receiver* receiver, TransferredBytes* bytes,
                       std::function<void(const absl::Status&)> closed)
    : calls_(*calls), receiver_(*receiver), bytes_(bytes), closed_(std::move(closed)) {
  calls_.Add(&context_);
}

void GrpcStream::Begin(v1::WorkerService::Stub* stub, const v1::Hello& hello) {
  stub->async()->Connect(&context_, this);
  AddHold();
  v1::WorkerMessage first;
  *first.mutable_hello() = hello;
  Send(first);
  StartRead(&incoming_);
  StartCall();
}

void GrpcStream::Send(const v1::WorkerMessage& message) {
  absl::MutexLock lock(&mutex_);
  if (closing_ || ended_) return;
  queue_.push_back(message);
  if (bytes_ != nullptr) {
    bytes_->Add(TransferredBytes::kSent, TransferredBytes::kStream, static_cast<int64_t>(message.ByteSizeLong()));
  }
  WriteNext();
}

void GrpcStream::Close() {
  absl::MutexLock lock(&mutex_);
  if (closing_ || ended_) return;
  closing_ = true;
  WriteNext();
}

void GrpcStream::WriteNext() {
  if (writing_ || ended_) return;
  if (!queue_.empty()) {
    writing_ = true;
    StartWrite(&queue_.front());
  } else if (closing_) {
    ended_ = true;
    StartWritesDone();
  }
}

void GrpcStream::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  queue_.pop_front();
  if (!ok) ended_ = true;
  WriteNext();
}

void GrpcStream::OnReadDone(bool ok) {
  if (ok) {
    if (bytes_ != nullptr) {
      bytes_->Add(TransferredBytes::kReceived, TransferredBytes::kStream,
                  static_cast<int64_t>(incoming_.ByteSizeLong()));
    }
    receiver_.OnMessage(incoming_);
    StartRead(&incoming_);
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  RemoveHold();
}

void GrpcStream::OnDone(const grpc::Status& status) {
  calls_.Remove(&context_);
  closed_(FromGrpc(status));
  GrpcCalls& calls = calls_;
  delete this;
  calls.Finished();
}

}  // namespace seedcast
