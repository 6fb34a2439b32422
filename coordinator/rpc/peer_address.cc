#include "coordinator/rpc/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace seedcast {
namespace {

// An address of IPv6 that stands for one of IPv4, as that.
sockaddr_storage Plain(const sockaddr_storage& address) {
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return address;
  sockaddr_storage plain = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(plain);
  v4.sin_family = AF_INET;
  v4.sin_port = v6.sin6_port;
  std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
  return plain;
}

int PortOf(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::string HostOf(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const void* host = address.ss_family == AF_INET6
                         ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr)
                         : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  inet_ntop(address.ss_family, host, text, sizeof text);
  return text;
}

using NameOf = int (*)(int fd, sockaddr* address, socklen_t* size);

std::optional<sockaddr_storage> Ask(NameOf name_of, int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (name_of(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return address;
}

// The peer's address when this is the one.
std::optional<sockaddr_storage> Connects(int fd, const std::string& peer, int port) {
  const auto other = Ask(getpeername, fd);
  if (!other || PeerName(*other) != peer) return std::nullopt;
  const auto own = Ask(getsockname, fd);
  return own && PortOf(*own) == port ? other : std::nullopt;
}

}  // namespace

std::string PeerName(const sockaddr_storage& address) {
  const sockaddr_storage plain = Plain(address);
  if (plain.ss_family == AF_INET) return absl::StrCat("ipv4:", HostOf(plain), ":", PortOf(plain));
  if (plain.ss_family == AF_INET6) return absl::StrCat("ipv6:%5B", HostOf(plain), "%5D:", PortOf(plain));
  return "";
}

std::string SourceOf(const sockaddr_storage& address) {
  sockaddr_storage plain = Plain(address);
  if (plain.ss_family != AF_INET && plain.ss_family != AF_INET6) return "";
  if (plain.ss_family == AF_INET6) std::memset(reinterpret_cast<sockaddr_in6&>(plain).sin6_addr.s6_addr + 8, 0, 8);
  return HostOf(plain);
}

std::string SourceAt(int fd) {
  const auto other = Ask(getpeername, fd);
  return other ? SourceOf(*other) : "";
}

std::optional<sockaddr_storage> EndConnection(const std::string& peer, int port) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    int fd = -1;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &fd)) continue;
    const auto address = Connects(fd, peer, port);
    if (!address) continue;
    const sockaddr nobody = {AF_UNSPEC, {}};
    return connect(fd, &nobody, sizeof nobody) == 0 ? address : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace seedcast
