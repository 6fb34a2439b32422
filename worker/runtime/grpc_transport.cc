#include "worker/runtime/grpc_transport.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/tls/credentials.h"
#include "common/tls/handshake_error.h"
#include "seedcast/v1/parameters.grpc.pb.h"
#include "seedcast/v1/worker.grpc.pb.h"
#include "worker/runtime/assemblers.h"
#include "worker/runtime/grpc_calls.h"
#include "worker/runtime/grpc_fetch.h"
#include "worker/runtime/grpc_stream.h"

namespace seedcast {
namespace {

constexpr int kMaxReceiveBytes = 64 << 20;  // the fitness of a population of 2^20 is 4 MiB
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// The worker's own backoff decides when to try; the channel's must not make its attempts fail unseen.
constexpr int kMinReconnectMs = 100;
constexpr int kMaxReconnectMs = 1'000;

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(std::shared_ptr<grpc::Channel> control, std::shared_ptr<grpc::Channel> bulk,
                GrpcTransportOptions options)
      : options_(options),
        workers_(v1::WorkerService::NewStub(std::move(control))),
        parameters_(v1::ParameterService::NewStub(std::move(bulk))) {}
  ~GrpcTransport() override { calls_.EndAll(); }

  void Connect(const v1::Hello& hello, Receiver* receiver) override;
  void Send(const v1::WorkerMessage& message) override;
  void Disconnect() override;
  void FetchLog(const std::string& job_id, int64_t from, int64_t to,
                Callback<std::vector<v1::GenerationRecord>> done) override;
  void FetchSnapshot(const std::string& job_id, int64_t at_or_below, Callback<std::string> done) override;
  void FetchArtifact(const std::string& digest, Callback<std::string> done) override;

 private:
  FetchTerms TermsOf(TransferredBytes::Kind kind, absl::Duration deadline) const {
    return {deadline, kind, options_.bytes};
  }

  const GrpcTransportOptions options_;
  const std::unique_ptr<v1::WorkerService::Stub> workers_;
  const std::unique_ptr<v1::ParameterService::Stub> parameters_;
  GrpcCalls calls_;

  absl::Mutex mutex_;
  GrpcStream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;  // deletes itself, after it has left here
  bool disconnecting_ ABSL_GUARDED_BY(mutex_) = false;
};

void GrpcTransport::Connect(const v1::Hello& hello, Receiver* receiver) {
  auto* stream = new GrpcStream(&calls_, receiver, options_.bytes, [this, receiver](const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      stream_ = nullptr;
    }
    const auto explained = ExplainHandshake(status.message(), options_.tls, options_.coordinator);
    receiver->OnClosed(explained ? absl::Status(status.code(), *explained) : status);
  });
  absl::MutexLock lock(&mutex_);
  stream_ = stream;
  disconnecting_ = false;
  stream->Begin(workers_.get(), hello);
}

void GrpcTransport::Send(const v1::WorkerMessage& message) {
  absl::MutexLock lock(&mutex_);
  if (stream_ != nullptr) stream_->Send(message);
}

void GrpcTransport::Disconnect() {
  absl::MutexLock lock(&mutex_);
  if (stream_ == nullptr) return;
  if (std::exchange(disconnecting_, true)) {
    stream_->Cancel();
  } else {
    stream_->Close();
  }
}

void GrpcTransport::FetchLog(const std::string& job_id, int64_t from, int64_t to,
                             Callback<std::vector<v1::GenerationRecord>> done) {
  v1::GetLogRequest request;
  request.set_job_id(job_id);
  request.set_from_generation(from);
  request.set_to_generation(to);
  using Fetch = GrpcFetch<v1::GenerationRecord, std::vector<v1::GenerationRecord>, LogAssembler>;
  (new Fetch(&calls_, TermsOf(TransferredBytes::kLog, options_.log_deadline), LogAssembler(), std::move(done)))
      ->Begin([&](auto* context, auto* reactor) { parameters_->async()->GetLog(context, &request, reactor); });
}

void GrpcTransport::FetchSnapshot(const std::string& job_id, int64_t at_or_below, Callback<std::string> done) {
  v1::GetSnapshotRequest request;
  request.set_job_id(job_id);
  request.set_at_or_below_version(at_or_below);
  using Assembler = BytesAssembler<v1::SnapshotChunk>;
  using Fetch = GrpcFetch<v1::SnapshotChunk, std::string, Assembler>;
  (new Fetch(&calls_, TermsOf(TransferredBytes::kSnapshot, options_.snapshot_deadline),
             Assembler(options_.max_snapshot_bytes), std::move(done)))
      ->Begin([&](auto* context, auto* reactor) { parameters_->async()->GetSnapshot(context, &request, reactor); });
}

void GrpcTransport::FetchArtifact(const std::string& digest, Callback<std::string> done) {
  v1::GetArtifactRequest request;
  request.set_digest(digest);
  using Fetch = GrpcFetch<v1::ArtifactChunk, std::string, ArtifactAssembler>;
  (new Fetch(&calls_, TermsOf(TransferredBytes::kArtifact, options_.artifact_deadline),
             ArtifactAssembler(digest, options_.max_artifact_bytes), std::move(done)))
      ->Begin([&](auto* context, auto* reactor) { parameters_->async()->GetArtifact(context, &request, reactor); });
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, ChannelUse use, const TlsFiles& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  // Channels with different arguments do not share a connection.
  arguments.SetString("seedcast.use", use == ChannelUse::kControl ? "control" : "bulk");
  return grpc::CreateCustomChannel(address, MakeChannelCredentials(tls), arguments);
}

std::unique_ptr<Transport> MakeGrpcTransport(std::shared_ptr<grpc::Channel> control,
                                             std::shared_ptr<grpc::Channel> bulk, GrpcTransportOptions options) {
  return std::make_unique<GrpcTransport>(std::move(control), std::move(bulk), options);
}

}  // namespace seedcast
