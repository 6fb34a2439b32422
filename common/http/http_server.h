// A small HTTP server beside the gRPC port, for what people and monitoring look at: metrics, health, the status page.
// Plain text, so that it knows nobody; HttpsServer does.
//
// civetweb does the protocol. It reads a whole request within Options::timeout and 16 KiB of headers on one of few
// threads, so that peers who send slowly, too much or nothing cost no more than their turn on a thread.
#pragma once

#include <cstddef>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/http/http_routes.h"

struct mg_connection;
struct mg_context;

namespace seedcast {

struct HttpOptions {
  std::string address;                        // "host:port"; port 0 takes a free one
  absl::Duration timeout = absl::Seconds(5);  // for a request to come in, and for its answer to be taken
  size_t max_body_bytes = 64 << 10;
  int threads = 4;
};

class HttpServer {
 public:
  HttpServer() = default;
  ~HttpServer() { Stop(); }
  HttpServer(const HttpServer&) = delete;

  // As HttpRoutes::Handle. Before Start.
  void Handle(const std::string& method, const std::string& path, HttpHandler handler) {
    routes_.Handle(method, path, std::move(handler));
  }
  const HttpRoutes& routes() const { return routes_; }

  // INVALID_ARGUMENT an address that is none, UNAVAILABLE one that cannot be listened on; both name it.
  absl::Status Start(const HttpOptions& options);
  int port() const { return port_; }

  // Waits for the requests in hand. Idempotent.
  void Stop();

 private:
  static int OnRequest(mg_connection* connection);
  static int OnLogMessage(const mg_connection* connection, const char* message);

  void Serve(mg_connection* connection) const;
  HttpResponse Answer(mg_connection* connection) const;

  HttpOptions options_;
  HttpRoutes routes_;
  mg_context* context_ = nullptr;  // null: not running
  int port_ = 0;
  std::thread::id starting_thread_;  // of Start
  std::string start_error_;          // what civetweb said first on it
};

// The status and its name as text.
HttpResponse HttpError(int status);

}  // namespace seedcast
