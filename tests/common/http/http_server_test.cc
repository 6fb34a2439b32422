#include "common/http/http_server.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/http/health_check.h"
#include "tests/testing/loopback.h"

namespace seedcast {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A peer that may do anything.
class Peer {
 public:
  explicit Peer(int port) : fd_(ConnectToLoopback(port)) {}
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;

  bool Send(const std::string& bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // What comes until the server closes.
  std::string Read() {
    std::string answer;
    char buffer[4096];
    while (true) {
      const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) return answer;
      answer.append(buffer, size);
    }
  }

 private:
  const int fd_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Handle("GET", "/hello", [](const HttpRequest& request) {
      return HttpResponse{.body = absl::StrCat("hello ", request.query, "\n")};
    });
    server_.Handle("GET", "/api/*", [](const HttpRequest& request) {
      return HttpResponse{.body = "below " + request.path, .content_type = "application/json"};
    });
    server_.Handle("GET", "/api/jobs/*",
                   [](const HttpRequest& request) { return HttpResponse{.body = "further below " + request.path}; });
    server_.Handle("POST", "/length", [](const HttpRequest& request) {
      return HttpResponse{.body = absl::StrCat(request.body.size(), " ", request.Header("x-name"))};
    });
    server_.Handle("GET", "/healthz", [this](const HttpRequest&) {
      return healthy_ ? HttpResponse{.body = "ok\n"} : HttpResponse{.status = 503, .body = "not connected\n"};
    });
    HttpOptions options;
    options.address = "127.0.0.1:0";
    options.timeout = absl::Milliseconds(500);
    options.max_body_bytes = 1000;
    options.threads = 2;
    ASSERT_TRUE(server_.Start(options).ok());
  }

  std::string Ask(const std::string& request) {
    Peer peer(server_.port());
    EXPECT_TRUE(peer.Send(request));
    return peer.Read();
  }
  std::string Get(const std::string& path) { return Ask(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n")); }
  std::string Post(size_t announced, const std::string& body) {
    return Ask(
        absl::StrCat("POST /length HTTP/1.1\r\nHost: x\r\nX-Name: Y\r\nContent-Length: ", announced, "\r\n\r\n", body));
  }

  std::atomic<bool> healthy_ = true;
  HttpServer server_;
};

TEST_F(HttpServerTest, AnswersWithWhatTheHandlerSays) {
  const std::string answer = Get("/hello?a=b");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nhello a=b\n"));
}

TEST_F(HttpServerTest, TheMostSpecificPathAnswers) {
  EXPECT_THAT(Get("/api/workers"), HasSubstr("\r\n\r\nbelow /api/workers"));
  EXPECT_THAT(Get("/api/jobs/a-1/history"), HasSubstr("\r\n\r\nfurther below /api/jobs/a-1/history"));
  EXPECT_THAT(Get("/api"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Get("/hello/there"), StartsWith("HTTP/1.1 404"));
}

TEST_F(HttpServerTest, OtherMethodsAreRefused) {
  EXPECT_THAT(Ask("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(Ask("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n"), ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, HandsOverBodyAndHeaders) {
  EXPECT_THAT(Post(1000, std::string(1000, 'x')), HasSubstr("\r\n\r\n1000 Y"));
  EXPECT_THAT(Ask("POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
              HasSubstr("\r\n\r\n3 "));
}

TEST_F(HttpServerTest, RefusesBodiesOverTheLimit) {
  EXPECT_THAT(Post(1001, std::string(1001, 'x')), StartsWith("HTTP/1.1 413"));
  const std::string chunk = absl::StrCat("1f4\r\n", std::string(500, 'x'), "\r\n");
  EXPECT_THAT(Ask(absl::StrCat("POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk,
                               chunk, "0\r\n\r\n")),
              AnyOf(StartsWith("HTTP/1.1 413"), IsEmpty()));
}

TEST_F(HttpServerTest, RefusesHeadersOverTheLimit) {
  Peer peer(server_.port());
  peer.Send(absl::StrCat("GET /hello HTTP/1.1\r\nX: ", std::string(20'000, 'x'), "\r\n\r\n"));
  EXPECT_THAT(peer.Read(), AnyOf(StartsWith("HTTP/1.0 400"), IsEmpty()));  // a reset may overtake the answer
  EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, PeersThatSendSlowlyOrNothingGiveTheirThreadBack) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (const char* sent : {"", "GET /hello HT", "GET /hello HTTP/1.1\r\nHost: x\r\n",
                           "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx"}) {
    peers.push_back(std::make_unique<Peer>(server_.port()));
    ASSERT_TRUE(peers.back()->Send(sent));
  }
  const absl::Time began = absl::Now();
  EXPECT_THAT(Get("/hello"), StartsWith("HTTP/1.1 200"));  // behind twice as many as there are threads
  EXPECT_LT(absl::Now() - began, absl::Seconds(10));
}

TEST_F(HttpServerTest, StopsAtOnce) {
  const Peer silent(server_.port());
  const absl::Time began = absl::Now();
  server_.Stop();
  EXPECT_LT(absl::Now() - began, absl::Seconds(1.5));
}

TEST_F(HttpServerTest, HealthCheckTellsWhatItIsTold) {
  const std::string address = absl::StrCat("127.0.0.1:", server_.port());
  EXPECT_TRUE(CheckHealthAt(address, absl::Seconds(10)).ok());
  healthy_ = false;
  const absl::Status ill = CheckHealthAt(address, absl::Seconds(10));
  EXPECT_EQ(ill, absl::UnavailableError("503 not connected"));
  server_.Stop();
  EXPECT_EQ(CheckHealthAt(address, absl::Seconds(10)).code(), absl::StatusCode::kUnavailable);
}

TEST(HttpServerStartTest, NamesTheAddressThatItCannotHave) {
  HttpServer first, second;
  ASSERT_TRUE(first.Start({.address = "127.0.0.1:0"}).ok());
  const std::string taken = absl::StrCat("127.0.0.1:", first.port());
  const absl::Status status = second.Start({.address = taken});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(taken));
  EXPECT_THAT(std::string(status.message()), HasSubstr("in use"));
  for (const char* none :
       {"", "7071", ":7071", "localhost:x", "localhost:70710", "a:1,b:2", "a,b:2", "127.0.0.1:7071s"}) {
    EXPECT_EQ(second.Start({.address = none}).code(), absl::StatusCode::kInvalidArgument) << none;
  }
}

}  // namespace
}  // namespace seedcast
