// Where a binary serves HTTP, as its option --http says.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/http/http_server.h"

namespace seedcast {

struct HttpAddress {
  std::string address;    // "host:port"; empty: nowhere
  bool asked_for = true;  // else it is a default, and given up with a warning where something else has it
};

// The port speaks plain text also where gRPC has TLS, for probes and Prometheus have no certificates of ours: whoever
// reaches it reads figures. INVALID_ARGUMENT when others than this machine can reach it and the operator has neither
// set certificates (`secured`: then what changes anything asks for one) nor said `insecure`.
absl::Status CheckHttpAddress(const HttpAddress& http, bool secured, bool insecure);

// Errors as HttpServer::Start's.
absl::Status StartHttp(const HttpAddress& http, HttpServer* server);

}  // namespace seedcast
