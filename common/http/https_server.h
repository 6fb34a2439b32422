// The same pages over mutual TLS, for people whose certificates say what they may. By cpp-httplib, for Debian's
// civetweb looks for functions that OpenSSL 3 does not have.
//
// One request a connection on one of few threads; connections that wait for one are few, and handshakes have a deadline
// (guarded_connections.h). Strangers can still take turns on the threads: what must always answer (health, metrics)
// belongs on HttpServer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/http/http_routes.h"
#include "common/tls/certificate.h"

namespace seedcast {

struct HttpsOptions {
  std::string address;  // "host:port"; port 0 takes a free one
  TlsFiles tls;
  // Who bears a certificate with these URI names (common/tls/role.h), or why it may not ask for anything at all; what
  // it may change is the handlers' business. Called on the server's threads.
  std::function<absl::StatusOr<Identity>(const std::vector<std::string>& uri_names)> admit;
};

class HttpsServer {
 public:
  HttpsServer();
  ~HttpsServer();  // stops
  HttpsServer(const HttpsServer&) = delete;

  // Borrows the routes until Stop. INVALID_ARGUMENT an address or files that are none, UNAVAILABLE an address that
  // cannot be listened on.
  absl::Status Start(const HttpsOptions& options, const HttpRoutes* routes);
  int port() const;  // 0: not running

  // Waits for the requests in hand. Idempotent.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;  // null: not running
};

}  // namespace seedcast
