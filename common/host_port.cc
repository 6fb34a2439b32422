#include "common/host_port.h"

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace seedcast {
namespace {

absl::Status NoHostPort(const std::string& address, int lowest_port) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CEscape(address), "', expected host:port with a port of ", lowest_port, " .. 65535"));
}

absl::Status CheckHostPort(const std::string& address, int lowest_port) {
  const HostPort parts = SplitHostPort(address);
  const bool digits = absl::c_all_of(parts.port, absl::ascii_isdigit);
  int port = 0;
  if (!parts.host.empty() && digits && absl::SimpleAtoi(parts.port, &port) && port >= lowest_port && port <= 65535) {
    return absl::OkStatus();
  }
  return NoHostPort(address, lowest_port);
}

}  // namespace

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
  return CheckHostPort(address, /*lowest_port=*/1);
}

// A colon in a host without brackets is an IPv6 address that may as well end in a port, or a scheme such as "ipv4:".
absl::Status CheckListenAddress(const std::string& address) {
  const absl::string_view host = absl::string_view(address).substr(0, address.rfind(':'));
  const bool one_host = absl::StartsWith(host, "[") || !absl::StrContains(host, ':');
  if (!one_host || absl::StrContains(host, ',')) return NoHostPort(address, /*lowest_port=*/0);
  return CheckHostPort(address, /*lowest_port=*/0);
}

}  // namespace seedcast
