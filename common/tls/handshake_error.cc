#include "common/tls/handshake_error.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/host_port.h"

namespace seedcast {
namespace {

// gRPC 1.51's and OpenSSL 3's. OpenSSL has one for every reason; which one it was, gRPC does not tell.
constexpr absl::string_view kNotBelieved = "certificate verify failed";
constexpr absl::string_view kOtherHost = "Hostname Verification Check failed";

}  // namespace

std::optional<std::string> ExplainHandshake(absl::string_view message, const TlsFiles& files,
                                            const std::string& address) {
  if (absl::StrContains(message, kOtherHost)) {
    const std::string host = IsForGrpcResolver(address) ? address : SplitHostPort(address).host;
    return absl::StrCat("the certificate of the coordinator is not for the host ", host, " (seedcast certs DIR --host ",
                        host, " makes one that is)");
  }
  if (absl::StrContains(message, kNotBelieved)) {
    return absl::StrCat("the certificate of the coordinator is not of the authority in tls-ca ", files.authority,
                        ", or not valid now (seedcast doctor tells which)");
  }
  return std::nullopt;
}

}  // namespace seedcast
