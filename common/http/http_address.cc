#include "common/http/http_address.h"

#include "absl/strings/str_cat.h"
#include "common/host_port.h"
#include "common/log.h"
#include "common/loopback.h"

namespace seedcast {

absl::Status CheckHttpAddress(const HttpAddress& http, bool secured, bool insecure) {
  if (http.address.empty()) return absl::OkStatus();
  if (const absl::Status listens = CheckListenAddress(http.address); !listens.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("http: ", listens.message()));
  }
  if (secured || insecure || IsLoopback(http.address)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("http: ", http.address,
                   ", expected a loopback address, or certificates (--tls-cert, --tls-key, --tls-ca), or --insecure: "
                   "whoever reaches the port reads the figures of all jobs"));
}

absl::Status StartHttp(const HttpAddress& http, HttpServer* server) {
  if (http.address.empty()) return absl::OkStatus();
  HttpOptions options;
  options.address = http.address;
  absl::Status status = server->Start(options);
  if (status.ok() || http.asked_for) return status;
  LogWarning("no HTTP", {{"reason", std::string(status.message())}, {"hint", "--http host:port"}});
  return absl::OkStatus();
}

}  // namespace seedcast
