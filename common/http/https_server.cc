#include "common/http/https_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/host_port.h"
#include "common/http/guarded_connections.h"
#include "common/http/http_server.h"
#include "common/http/tls_context.h"
#include "common/log.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr int kTimeoutSeconds = 5;
constexpr int kLookForOverdueSeconds = 1;
constexpr absl::Duration kListenAgain = absl::Seconds(1);
constexpr size_t kMaxBodyBytes = 64 << 10;

HttpRequest RequestOf(const httplib::Request& from, Identity identity) {
  HttpRequest request;
  request.method = from.method;
  request.path = from.path;
  if (const size_t mark = from.target.find('?'); mark != std::string::npos)
    request.query = from.target.substr(mark + 1);
  for (const auto& [name, value] : from.headers) request.headers[absl::AsciiStrToLower(name)] = value;
  request.body = from.body;
  request.peer = from.remote_addr;
  request.identity = std::move(identity);
  return request;
}

void Write(const HttpResponse& from, httplib::Response* to) {
  to->status = from.status;
  to->set_content(from.body, from.content_type);
  to->set_header("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : from.headers) to->set_header(name, value);
}

// Its own default lets two processes share a port.
void SetSocketOptions(socket_t fd) {
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
}

// After a failure to bind; a host that is not found may have left no error.
std::string WhyNotBound() { return errno == 0 ? "no such address" : std::strerror(errno); }

// The library reads a body whose length nobody says until the peer falls silent, and one in chunks or compressed to any
// length.
int RefusalOf(const httplib::Request& request) {
  if (request.has_header("Transfer-Encoding")) return 411;
  return request.has_header("Content-Encoding") ? 415 : 0;
}

}  // namespace

class HttpsServer::Impl {
 public:
  Impl(const HttpsOptions& options, const HttpRoutes* routes)
      : options_(options), routes_(*routes), tls_(options.tls), server_([this](SSL_CTX& context) {
          set_up_ = tls_.SetUp(&context);
          GuardedConnections::SetUp(&context);
          return set_up_.ok();
        }) {}
  ~Impl() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    while (!server_.is_running() && !done_) absl::SleepFor(absl::Milliseconds(1));  // it can be stopped only then
    server_.stop();
    thread_.join();
  }

  absl::Status Start() {
    if (const absl::Status valid = CheckListenAddress(options_.address); !valid.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("https: ", valid.message()));
    }
    if (!set_up_.ok()) return set_up_;
    SetLimits();
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      Write(Answer(request), &response);
    };
    server_.Get(".*", answer).Post(".*", answer);
    server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return AnswerWithoutBody(request, &response);
    });
    RETURN_IF_ERROR(Bind());
    thread_ = std::thread([this] { Serve(); });
    while (!server_.is_running()) std::this_thread::yield();  // one that does not run yet cannot be stopped
    return absl::OkStatus();
  }
  int port() const { return port_; }

 private:
  void SetLimits() {
    server_.set_socket_options(SetSocketOptions);
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_keep_alive_max_count(1);
    server_.set_payload_max_length(kMaxBodyBytes);
    server_.set_idle_interval(kLookForOverdueSeconds);
    server_.new_task_queue = [] { return new GuardedConnections(ConnectionLimits()); };
  }

  absl::Status Bind() {
    const HostPort place = SplitHostPort(options_.address);
    host_ = place.host;
    const int wanted = std::stoi(place.port);
    errno = 0;
    port_ = wanted == 0                                   ? server_.bind_to_any_port(host_.c_str())
            : server_.bind_to_port(host_.c_str(), wanted) ? wanted
                                                          : -1;
    if (port_ >= 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("https: cannot listen on ", options_.address, ": ", WhyNotBound()));
  }

  // The library closes its listening socket on most errors of accept, out of memory for one: then it is opened anew.
  void Serve() {
    while (!server_.listen_after_bind() && !stopping_) {
      LogError("https stopped listening", {{"address", options_.address}, {"next", "listening again"}});
      while (!stopping_ && !server_.bind_to_port(host_.c_str(), port_)) absl::SleepFor(kListenAgain);
      if (stopping_) break;
    }
    done_ = true;
  }

  // Before the library reads a body. Requests without a length have none, as over plain text.
  httplib::Server::HandlerResponse AnswerWithoutBody(const httplib::Request& request,
                                                     httplib::Response* response) const {
    const int refusal = RefusalOf(request);
    if (refusal == 0 && request.has_header("Content-Length")) return httplib::Server::HandlerResponse::Unhandled;
    Write(refusal == 0 ? Answer(request) : HttpError(refusal), response);
    return httplib::Server::HandlerResponse::Handled;
  }

  HttpResponse Answer(const httplib::Request& request) const {
    const absl::StatusOr<Identity> identity = options_.admit(TlsContext::PeerNames(request.ssl));
    if (!identity.ok()) return {403, absl::StrCat(identity.status().message(), "\n")};
    int status = 0;
    const HttpHandler* handler = routes_.Find(request.method, request.path, &status);
    return handler == nullptr ? HttpError(status) : (*handler)(RequestOf(request, *identity));
  }

  const HttpsOptions options_;
  const HttpRoutes& routes_;
  TlsContext tls_;
  absl::Status set_up_;
  httplib::SSLServer server_;
  std::string host_;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> done_ = false;  // with serving, for good
  std::thread thread_;
};

HttpsServer::HttpsServer() = default;
HttpsServer::~HttpsServer() { Stop(); }

absl::Status HttpsServer::Start(const HttpsOptions& options, const HttpRoutes* routes) {
  auto impl = std::make_unique<Impl>(options, routes);
  absl::Status status = impl->Start();
  if (status.ok()) impl_ = std::move(impl);
  return status;
}

int HttpsServer::port() const { return impl_ == nullptr ? 0 : impl_->port(); }

void HttpsServer::Stop() { impl_.reset(); }

}  // namespace seedcast
