// A gRPC server behind our own listener, with the limits that hold against peers who send too much, too slowly or
// nothing. gRPC 1.51's own are weaker than their names: tests/e2e/hardening measures each of these.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/rpc/listener.h"
#include "coordinator/rpc/reset_guard.h"

namespace seedcast {

// What unread messages may take: gRPC buffers one of any size before it compares it with the limit for messages, and
// cuts connections off beyond this. Any thread.
class ReceiveBuffers {
 public:
  ReceiveBuffers() : quota_("seedcast") { AllowFor(0); }
  void AllowFor(int workers);  // each may just be sending a large result
  const grpc::ResourceQuota& quota() const { return quota_; }

 private:
  grpc::ResourceQuota quota_;
};

struct FrontOptions {
  std::string address;  // "host:port" or "unix:path"; empty: no port, only in-process channels
  std::shared_ptr<grpc::ServerCredentials> credentials;
  const ReceiveBuffers* buffers;
  std::vector<grpc::Service*> services;  // borrowed until Shutdown; grpc.health.v1.Health is always there

  // A connection without calls is closed after so long; any connection is told to go after connection_age, and cut a
  // minute later at most: who has to come back is verified again. Infinite for a server with in-process channels, which
  // never come back.
  absl::Duration connection_idle = absl::InfiniteDuration();
  absl::Duration connection_age = absl::InfiniteDuration();
};

class GrpcFront {
 public:
  // Errors as Listener::Open's.
  static absl::StatusOr<std::unique_ptr<GrpcFront>> Start(const FrontOptions& options);
  ~GrpcFront() { Shutdown(std::chrono::seconds(0)); }

  int port() const { return listener_ == nullptr ? 0 : listener_->port(); }
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // Connections that were closed at once because few descriptors were left. Any thread, until Shutdown.
  int64_t shed_connections() const { return listener_ == nullptr ? 0 : listener_->shed(); }
  // And those that reset call after call, with what came from their addresses right after.
  int64_t resetting_connections() const { return listener_ == nullptr ? 0 : listener_->cut_off(); }

  // What grpc.health.v1.Health answers. It is SERVING from the start.
  void SetServing(bool serving);

  // Accepts nobody any more, waits for the calls that were told to end, cancels the rest. Idempotent.
  void Shutdown(std::chrono::seconds patience);

 private:
  GrpcFront() = default;

  std::unique_ptr<Listener> listener_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;  // null after Shutdown
  std::optional<ResetGuard> guard_;
};

// Once for the process, before its first server: gRPC's log lines, which carry bytes of its peers raw, pass through
// ours at level debug, and health is answered. With `reflection` every server from then on describes its services.
void SetUpGrpc(bool reflection);

}  // namespace seedcast
