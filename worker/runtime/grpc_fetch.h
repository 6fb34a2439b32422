// A server stream read to its end and put together to one value.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/digest.h"
#include "common/transferred_bytes.h"
#include "seedcast/v1/parameters.pb.h"
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

class LogAssembler {
 public:
  absl::Status Add(v1::GenerationRecord record) {
    records_.push_back(std::move(record));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<v1::GenerationRecord>> Finish() { return std::move(records_); }

 private:
  std::vector<v1::GenerationRecord> records_;
};

// Bytes in chunks, the first of which announces how many there are: SnapshotChunk, ArtifactChunk.
template <typename Chunk>
class BytesAssembler {
 public:
  explicit BytesAssembler(int64_t max_bytes) : max_bytes_(max_bytes) {}

  absl::Status Add(Chunk chunk) {
    if (announced_ < 0) {
      announced_ = chunk.total_bytes();
      if (announced_ < 0 || announced_ > max_bytes_) {
        return absl::ResourceExhaustedError(
            absl::StrCat("the coordinator announces ", announced_, " bytes, at most ", max_bytes_, " are taken"));
      }
      bytes_.reserve(announced_);
    }
    bytes_ += chunk.data();
    if (static_cast<int64_t>(bytes_.size()) <= announced_) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("more than the announced ", announced_, " bytes"));
  }

  absl::StatusOr<std::string> Finish() {
    if (static_cast<int64_t>(bytes_.size()) == announced_) return std::move(bytes_);
    return absl::DataLossError(absl::StrCat("got ", bytes_.size(), " bytes, announced were ", announced_));
  }

 private:
  const int64_t max_bytes_;
  int64_t announced_ = -1;
  std::string bytes_;
};

// The same, and their SHA-256 must be what was asked for.
class ArtifactAssembler {
 public:
  ArtifactAssembler(std::string digest, int64_t max_bytes) : digest_(std::move(digest)), bytes_(max_bytes) {}

  absl::Status Add(v1::ArtifactChunk chunk) { return bytes_.Add(std::move(chunk)); }

  absl::StatusOr<std::string> Finish() {
    absl::StatusOr<std::string> bytes = bytes_.Finish();
    if (!bytes.ok()) return bytes.status();
    if (const std::string found = ToHex(Sha256Of(*bytes)); found != digest_) {
      return absl::DataLossError(absl::StrCat("artifact ", digest_, " came with digest ", found));
    }
    return bytes;
  }

 private:
  std::string digest_;
  BytesAssembler<v1::ArtifactChunk> bytes_;
};

}  // namespace seedcast
