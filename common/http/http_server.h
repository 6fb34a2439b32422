// A small HTTP server beside the gRPC port, for what people and monitoring look at: metrics, health, the status page.
// Plain text; whoever serves something that changes anything has to say who may reach it.
//
// civetweb does the protocol. It reads a whole request within Options::timeout and 16 KiB of headers on one of few
// threads, so that peers who send slowly, too much or nothing cost no more than their turn on a thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct mg_connection;
struct mg_context;

namespace seedcast {

struct HttpRequest {
  std::string method;                          // "GET"
  std::string path;                            // decoded, "/api/jobs"
  std::string query;                           // as it came, without the question mark
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string peer;  // its numeric address

  std::string Header(const std::string& lower_case_name) const;  // empty: there is none
};

struct HttpResponse {
  int status = 200;
  std::string body{};
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers{};  // beside Content-Type, -Length and -Options
};

// Called on the server's threads, several at a time.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

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

  // What answers `method` on a path; on all paths below "/api/jobs" for "/api/jobs/*". The most specific one wins. GET
  // answers HEAD too. Before Start.
  void Handle(const std::string& method, const std::string& path, HttpHandler handler);

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
  // Methods of the most specific path that takes `path`, or null.
  const std::map<std::string, HttpHandler>* Find(const std::string& path) const;

  HttpOptions options_;
  std::map<std::string, std::map<std::string, HttpHandler>> routes_;  // by path, then method
  mg_context* context_ = nullptr;                                     // null: not running
  int port_ = 0;
  std::thread::id starting_thread_;  // of Start
  std::string start_error_;          // what civetweb said first on it
};

// The status and its name as text.
HttpResponse HttpError(int status);

}  // namespace seedcast
