#include "common/loopback.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/host_port.h"

namespace seedcast {

bool IsLoopback(const std::string& address) {
  if (absl::StartsWith(address, "unix:") || absl::StartsWith(address, "unix-abstract:")) return true;
  absl::string_view rest = address;
  for (const char* scheme : {"ipv4:", "ipv6:", "dns:///", "dns:"}) {
    if (absl::ConsumePrefix(&rest, scheme)) break;
  }
  const std::string host = SplitHostPort(std::string(rest)).host;
  if (host == "localhost") return true;
  in_addr v4 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
  in6_addr v6 = {};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status CheckPlainText(const std::string& coordinator, bool secured, bool insecure) {
  if (secured || insecure || IsLoopback(coordinator)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("coordinator: ", coordinator,
                   ", expected a loopback address, or certificates (--tls-cert, --tls-key, --tls-ca), or --insecure: "
                   "whoever is on the way reads and changes what is said"));
}

}  // namespace seedcast
