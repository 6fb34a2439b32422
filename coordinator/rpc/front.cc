#include "coordinator/rpc/front.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "common/log.h"

namespace seedcast {
namespace {

// The largest honest message is a LeaseResult: 4 bytes a member of a population of at most 2^20, or a pair's gradient.
constexpr int kMaxReceiveBytes = 16 << 20;
constexpr int kMaxChannelMessageBytes = 64 << 20;
constexpr size_t kBufferBytes = size_t{40} << 20;
constexpr size_t kBufferBytesPerWorker = size_t{1} << 20;
constexpr size_t kMaxBufferBytes = size_t{512} << 20;
constexpr absl::Duration kRefusal = absl::Seconds(10);     // of the address of a peer that was cut off
constexpr absl::Duration kMaxAgeGrace = absl::Minutes(1);  // for calls under way when a connection has its age

void SetLimits(grpc::ServerBuilder& builder, const FrontOptions& options) {
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // A small compressed message may inflate to gigabytes before any limit is looked at.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1024);  // a connection
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_TSI_MAX_FRAME_SIZE, 4 << 10);  // of TLS; gRPC keeps a buffer of it
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  if (options.connection_idle < absl::InfiniteDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               static_cast<int>(absl::ToInt64Milliseconds(options.connection_idle)));
  }
  if (options.connection_age < absl::InfiniteDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               static_cast<int>(absl::ToInt64Milliseconds(options.connection_age)));
    builder.AddChannelArgument(
        GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
        static_cast<int>(absl::ToInt64Milliseconds(std::min(kMaxAgeGrace, options.connection_age / 10))));
  }
}

void CutOff(Listener& listener, const std::string& peer) {
  if (!listener.CutOff(peer, kRefusal)) return;
  LogWarning(
      "peer cut off",
      {{"peer", peer}, {"reason", "it resets call after call"}, {"refused_for", absl::FormatDuration(kRefusal)}});
}

}  // namespace

void SetUpGrpc(bool reflection) {
  static std::once_flag once;
  std::call_once(once, [] { grpc::EnableDefaultHealthCheckService(true); });
  static std::once_flag reflection_once;
  if (reflection) std::call_once(reflection_once, grpc::reflection::InitProtoReflectionServerBuilderPlugin);
}

void ReceiveBuffers::AllowFor(int workers) {
  quota_.Resize(std::min(kMaxBufferBytes, kBufferBytes + kBufferBytesPerWorker * static_cast<size_t>(workers)));
}

absl::StatusOr<std::unique_ptr<GrpcFront>> GrpcFront::Start(const FrontOptions& options) {
  std::unique_ptr<GrpcFront> front(new GrpcFront);
  grpc::ServerBuilder builder;
  SetLimits(builder, options);
  builder.SetResourceQuota(options.buffers->quota());
  for (grpc::Service* service : options.services) builder.RegisterService(service);
  if (!options.address.empty()) {
    auto listener = Listener::Open(options.address);
    if (!listener.ok()) return listener.status();
    front->listener_ = *std::move(listener);
    front->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, options.credentials);
  }
  front->server_ = builder.BuildAndStart();
  if (front->server_ == nullptr) return absl::InternalError("gRPC does not start a server");
  if (front->listener_ != nullptr) {
    front->listener_->Start([acceptor = front->acceptor_.get()](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = fd;
      acceptor->HandleNewConnection(&connection);
    });
    front->guard_.emplace([listener = front->listener_.get()](const std::string& peer) { CutOff(*listener, peer); });
  }
  return front;
}

std::shared_ptr<grpc::Channel> GrpcFront::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxChannelMessageBytes);
  return server_->InProcessChannel(arguments);
}

void GrpcFront::SetServing(bool serving) { server_->GetHealthCheckService()->SetServingStatus(serving); }

void GrpcFront::Shutdown(std::chrono::seconds patience) {
  if (server_ == nullptr) return;
  guard_.reset();
  if (listener_ != nullptr) listener_->Stop();  // gRPC would leak what it is handed from now on
  server_->Shutdown(std::chrono::system_clock::now() + patience);
  server_.reset();
  listener_.reset();
}

}  // namespace seedcast
