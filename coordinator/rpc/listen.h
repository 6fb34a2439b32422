// Where a server listens: what is allowed, why it failed, and the limits that a stranger meets.
#pragma once

#include <grpcpp/server_builder.h>

#include <string>

#include "absl/status/status.h"

namespace seedcast {

// Limits of gRPC 1.51 that hold against peers who send too much, too slowly or nothing. Also: two servers never share a
// port.
void SetServerLimits(grpc::ServerBuilder& builder);

// "127.0.0.1:7070", "localhost:0", "[::1]:0" and "unix:path" are loopback.
bool IsLoopback(const std::string& address);

// Call after the server could not listen on `address`: UNAVAILABLE or PERMISSION_DENIED with the system's reason.
absl::Status ExplainListenFailure(const std::string& address);

// gRPC's own log lines carry bytes of its peers raw; from now on they pass through ours, at level debug.
void RouteGrpcLog();

}  // namespace seedcast
