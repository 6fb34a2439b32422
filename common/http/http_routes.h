// What is asked of an HTTP server, and who answers: the same handlers serve plain text (HttpServer) and TLS
// (HttpsServer).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/tls/role.h"

namespace seedcast {

struct HttpRequest {
  std::string method;                          // "GET"
  std::string path;                            // decoded, "/api/jobs"
  std::string query;                           // as it came, without the question mark
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string peer;                  // its numeric address
  std::optional<Identity> identity;  // of its certificate; nothing in plain text

  std::string Header(const std::string& lower_case_name) const;  // empty: there is none
};

struct HttpResponse {
  int status = 200;
  std::string body{};
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers{};  // beside Content-Type, -Length and -Options
};

// Called on the servers' threads, several at a time.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

class HttpRoutes {
 public:
  // What answers `method` on a path; on all paths below "/api/jobs" for "/api/jobs/*". The most specific one wins. GET
  // answers HEAD too.
  void Handle(const std::string& method, const std::string& path, HttpHandler handler);

  // Null, and the status that says so, when nobody answers.
  const HttpHandler* Find(const std::string& method, const std::string& path, int* status) const;

 private:
  using Methods = std::map<std::string, HttpHandler>;
  const Methods* FindPath(const std::string& path) const;

  std::map<std::string, Methods> routes_;  // by path
};

}  // namespace seedcast
