// A server stream read to its end and put together to one value.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "common/transferred_bytes.h"
#include "worker/runtime/grpc_calls.h"

namespace seedcast {

struct FetchTerms {
  absl::Duration deadline;
  TransferredBytes::Kind kind;
  TransferredBytes* bytes = nullptr;  // counts what comes, if given
};

// Assembler: `absl::Status Add(Message)` for each message, then `absl::StatusOr<Value> Finish()`. The first error ends
// the call. Deletes itself after it has called `done`.
template <typename Message, typename Value, typename Assembler>
class GrpcFetch final : public grpc::ClientReadReactor<Message> {
 public:
  using Done = std::function<void(absl::StatusOr<Value>)>;

  GrpcFetch(GrpcCalls* calls, const FetchTerms& terms, Assembler assembler, Done done)
      : calls_(*calls), terms_(terms), assembler_(std::move(assembler)), done_(std::move(done)) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + terms.deadline));
    calls_.Add(&context_);
  }

  // `start(&context, reactor)` is the stub's method with the request bound.
  template <typename Start>
  void Begin(Start start) {
    start(&context_, this);
    this->StartRead(&message_);
    this->StartCall();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (terms_.bytes != nullptr) {
      terms_.bytes->Add(TransferredBytes::kReceived, terms_.kind, static_cast<int64_t>(message_.ByteSizeLong()));
    }
    error_ = assembler_.Add(std::move(message_));
    if (!error_.ok()) return context_.TryCancel();
    message_.Clear();
    this->StartRead(&message_);
  }

  void OnDone(const grpc::Status& status) override {
    calls_.Remove(&context_);
    done_(Result(status));
    GrpcCalls& calls = calls_;
    delete this;
    calls.Finished();
  }

  absl::StatusOr<Value> Result(const grpc::Status& status) {
    if (!error_.ok()) return error_;
    if (!status.ok()) return FromGrpc(status);
    return assembler_.Finish();
  }

  GrpcCalls& calls_;
  const FetchTerms terms_;
  grpc::ClientContext context_;
  Assembler assembler_;
  Done done_;
  Message message_;
  absl::Status error_;
};

}  // namespace seedcast
