// Addresses as options have them: "host:port", "[::1]:7070".
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace seedcast {

struct HostPort {
  std::string host;  // without brackets
  std::string port;
};

// Cut at the last colon; what is missing is empty.
HostPort SplitHostPort(const std::string& address);

// Whether an address is one that gRPC alone understands: "unix:path", "dns:///host:port".
bool IsForGrpcResolver(const std::string& address);

// Of an address to connect to. INVALID_ARGUMENT says what is wrong: no host, or a port other than 1 .. 65535.
absl::Status CheckTarget(const std::string& address);

// Of an address to listen on, where port 0 takes a free one. INVALID_ARGUMENT says what is wrong: no host, several, or
// a port other than 0 .. 65535.
absl::Status CheckListenAddress(const std::string& address);

}  // namespace seedcast
