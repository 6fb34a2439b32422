#include "common/host_port.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace seedcast {

HostPort SplitHostPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {address, ""};
  std::string host = address.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

bool IsForGrpcResolver(const std::string& address) {
  for (const char* scheme : {"unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::StartsWith(address, scheme)) return true;
  }
  return false;
}

absl::Status CheckTarget(const std::string& address) {
  if (IsForGrpcResolver(address)) return absl::OkStatus();
  const HostPort parts = SplitHostPort(address);
  int port = 0;
  if (!parts.host.empty() && absl::SimpleAtoi(parts.port, &port) && port >= 1 && port <= 65535) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CEscape(address), "', expected host:port with a port of 1 .. 65535"));
}

absl::Status CheckListenAddress(const std::string& address) {
  if (IsForGrpcResolver(address)) return absl::OkStatus();
  const HostPort parts = SplitHostPort(address);
  if (!parts.host.empty() && !parts.port.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", absl::CEscape(address), "', expected host:port"));
}

}  // namespace seedcast
