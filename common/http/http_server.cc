#include "common/http/http_server.h"

#include <civetweb.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/host_port.h"
#include "common/log.h"

namespace seedcast {
namespace {

constexpr char kHeaderLimit[] = "16384";  // bytes of a request line and its headers
constexpr absl::Duration kWake = absl::Milliseconds(10);

const char* ReasonOf(int status) { return mg_get_response_code_text(nullptr, status); }

// Nothing when it is longer than `limit` or did not come in time.
std::optional<std::string> ReadBody(mg_connection* connection, size_t limit) {
  std::string body;
  std::array<char, 4096> piece;
  while (true) {
    const int read = mg_read(connection, piece.data(), piece.size());
    if (read < 0) return std::nullopt;
    if (read == 0) return body;
    body.append(piece.data(), read);
    if (body.size() > limit) return std::nullopt;
  }
}

HttpRequest RequestOf(const mg_request_info& info) {
  HttpRequest request;
  request.method = info.request_method;
  request.path = info.local_uri == nullptr ? "" : info.local_uri;
  request.peer = info.remote_addr;
  request.query = info.query_string == nullptr ? "" : info.query_string;
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers[absl::AsciiStrToLower(info.http_headers[i].name)] = info.http_headers[i].value;
  }
  return request;
}

void Send(mg_connection* connection, const HttpResponse& response, bool with_body) {
  std::string message =
      absl::StrCat("HTTP/1.1 ", response.status, " ", ReasonOf(response.status),
                   "\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nContent-Type: ", response.content_type,
                   "\r\nContent-Length: ", response.body.size(), "\r\n");
  for (const auto& [name, value] : response.headers) absl::StrAppend(&message, name, ": ", value, "\r\n");
  absl::StrAppend(&message, "\r\n", with_body ? response.body : "");
  // In one piece: the second of two would wait for the first one's acknowledgement, which peers put off by 40 ms.
  mg_write(connection, message.data(), message.size());
}

// Opens a connection and closes it again.
void Touch(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) {
    static_cast<void>(connect(fd, found->ai_addr, found->ai_addrlen));  // being tried wakes, too
    close(fd);
  }
  freeaddrinfo(found);
}

}  // namespace

HttpResponse HttpError(int status) { return {status, absl::StrCat(ReasonOf(status), "\n")}; }

absl::Status HttpServer::Start(const HttpOptions& options) {
  options_ = options;
  starting_thread_ = std::this_thread::get_id();
  start_error_.clear();
  if (const absl::Status valid = CheckListenAddress(options.address); !valid.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("http: ", valid.message()));
  }
  const std::string threads = absl::StrCat(options.threads);
  const std::string timeout = absl::StrCat(absl::ToInt64Milliseconds(options.timeout));
  const char* const settings[] = {
      "listening_ports", options.address.c_str(), "num_threads", threads.c_str(), "request_timeout_ms",
      timeout.c_str(),   "max_request_size",      kHeaderLimit,  nullptr};
  mg_callbacks callbacks = {};
  callbacks.begin_request = OnRequest;
  callbacks.log_message = OnLogMessage;
  mg_init_library(MG_FEATURES_DEFAULT);
  context_ = mg_start(&callbacks, this, const_cast<const char**>(settings));
  if (context_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("http: cannot listen on ", options.address, ": ", start_error_));
  }
  mg_server_port port = {};
  mg_get_server_ports(context_, 1, &port);
  port_ = port.port;
  return absl::OkStatus();
}

// civetweb's accepting thread looks at its orders when it is woken, else every two seconds.
void HttpServer::Stop() {
  if (context_ == nullptr) return;
  std::future<void> stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
  const std::string host = SplitHostPort(options_.address).host;
  while (stopped.wait_for(absl::ToChronoMilliseconds(kWake)) != std::future_status::ready) Touch(host, port_);
  context_ = nullptr;
}

int HttpServer::OnRequest(mg_connection* connection) {
  static_cast<const HttpServer*>(mg_get_user_data(mg_get_context(connection)))->Serve(connection);
  return 200;  // it is answered
}

int HttpServer::OnLogMessage(const mg_connection* connection, const char* message) {
  auto* server = static_cast<HttpServer*>(mg_get_user_data(mg_get_context(connection)));
  if (std::this_thread::get_id() == server->starting_thread_) {
    if (server->start_error_.empty()) server->start_error_ = message;  // what follows is of less use
  } else {
    LogDebug("http", {{"message", message}});
  }
  return 1;  // it is logged
}

void HttpServer::Serve(mg_connection* connection) const {
  const bool head = absl::string_view(mg_get_request_info(connection)->request_method) == "HEAD";
  Send(connection, Answer(connection), /*with_body=*/!head);
}

HttpResponse HttpServer::Answer(mg_connection* connection) const {
  const mg_request_info& info = *mg_get_request_info(connection);
  HttpRequest request = RequestOf(info);
  int status = 0;
  const HttpHandler* handler = routes_.Find(request.method, request.path, &status);
  if (handler == nullptr) return HttpError(status);
  if (info.content_length > static_cast<long long>(options_.max_body_bytes)) return HttpError(413);
  std::optional<std::string> body = ReadBody(connection, options_.max_body_bytes);
  if (!body) return HttpError(413);
  request.body = *std::move(body);
  return (*handler)(request);
}

}  // namespace seedcast
