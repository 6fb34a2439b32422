#include "common/http/https_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/testing/certificates.h"
#include "tests/testing/loopback.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpsServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    routes_.Handle("GET", "/who", [](const HttpRequest& request) -> HttpResponse {
      return {200, request.identity ? UriOf(*request.identity) + "?" + request.query : "nobody"};
    });
    routes_.Handle("POST", "/echo", [](const HttpRequest& request) -> HttpResponse { return {200, request.body}; });
    HttpsOptions options;
    options.address = "127.0.0.1:0";
    options.tls = Issue("certs", Role::kCoordinator);
    options.admit = [](const std::vector<std::string>& uri_names) -> absl::StatusOr<Identity> {
      absl::StatusOr<Identity> bearer = IdentityOf(uri_names);
      if (bearer.ok() && bearer->role == Role::kWorker) return absl::PermissionDeniedError("not for workers");
      return bearer;
    };
    const absl::Status started = server_.Start(options, &routes_);
    ASSERT_TRUE(started.ok()) << started;
  }

  TlsFiles Issue(const std::string& authority, Role role) { return IssueLeaf(directory_ / authority, role); }

  // Shows its own certificate, if it has one, and believes the authority of this name.
  std::unique_ptr<httplib::SSLClient> Client(const TlsFiles& own, const std::string& authority = "certs") {
    auto client = std::make_unique<httplib::SSLClient>("127.0.0.1", server_.port(), own.certificate, own.key);
    client->set_ca_cert_path((directory_ / (authority + "/ca.crt")).c_str());
    client->enable_server_certificate_verification(true);
    return client;
  }

  // What comes, until the server closes, of a request as it stands here.
  std::string Ask(const std::string& request) {
    const TlsFiles own = Issue("certs", Role::kObserver);
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_use_certificate_chain_file(context.get(), own.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), own.key.c_str(), SSL_FILETYPE_PEM);
    const std::unique_ptr<SSL, void (*)(SSL*)> connection(SSL_new(context.get()), SSL_free);
    const int fd = ConnectToLoopback(server_.port());
    SSL_set_fd(connection.get(), fd);
    EXPECT_EQ(SSL_connect(connection.get()), 1);
    SSL_write(connection.get(), request.data(), static_cast<int>(request.size()));
    std::string answer;
    char buffer[4096];
    for (int size = 0; (size = SSL_read(connection.get(), buffer, sizeof buffer)) > 0;) answer.append(buffer, size);
    close(fd);
    return answer;
  }

  TemporaryDirectory directory_;
  HttpRoutes routes_;
  HttpsServer server_;
};

TEST_F(HttpsServerTest, TellsHandlersWhoAsks) {
  const auto client = Client(Issue("certs", Role::kObserver));
  const auto answer = client->Get("/who?after=1%20a");
  ASSERT_TRUE(answer) << httplib::to_string(answer.error());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "seedcast://role/observer/observer?after=1%20a");
  EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(client->Post("/echo", "said", "text/plain")->body, "said");
}

TEST_F(HttpsServerTest, SaysWhatThereIsNot) {
  const auto client = Client(Issue("certs", Role::kAdmin));
  EXPECT_EQ(client->Get("/nothing")->status, 404);
  EXPECT_EQ(client->Post("/who", "", "text/plain")->status, 405);
  EXPECT_EQ(client->Post("/echo", std::string(100'000, 'x'), "text/plain")->status, 413);
  EXPECT_EQ(client->Head("/who")->status, 200);
}

TEST_F(HttpsServerTest, ARequestWithoutALengthHasNoBodyAndIsAnsweredAtOnce) {
  const absl::Time start = absl::Now();
  const std::string answer = Ask("POST /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  EXPECT_THAT(Ask("PUT /echo HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_LT(absl::Now() - start, absl::Seconds(4)) << "less than the library waits for a body";
}

TEST_F(HttpsServerTest, RefusesBodiesWhoseSizeIsNotSaidBefore) {
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 411 "));
  EXPECT_THAT(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 415 "));
}

TEST_F(HttpsServerTest, WhoIsNotAdmittedReachesNoHandler) {
  const auto answer = Client(Issue("certs", Role::kWorker))->Get("/who");
  EXPECT_EQ(answer->status, 403);
  EXPECT_THAT(answer->body, HasSubstr("not for workers"));
}

TEST_F(HttpsServerTest, WhoHasNoCertificateOfTheAuthorityIsRefused) {
  EXPECT_FALSE(Client({})->Get("/who")) << "no certificate";
  EXPECT_FALSE(Client(Issue("others", Role::kAdmin))->Get("/who")) << "of another authority";
  httplib::Client plain("127.0.0.1", server_.port());
  EXPECT_FALSE(plain.Get("/who")) << "plain text";
}

TEST_F(HttpsServerTest, ANewAuthorityIsBelievedAndTheOldOneNoMore) {
  const TlsFiles of_old = Issue("certs", Role::kAdmin);
  const TlsFiles of_new = Issue("new", Role::kAdmin);
  Issue("new", Role::kCoordinator);
  const std::filesystem::path in_use(directory_ / "certs/coordinator");
  std::filesystem::remove_all(in_use);
  std::filesystem::create_directory_symlink(directory_ / "new/coordinator", in_use);
  absl::SleepFor(absl::Milliseconds(2200));
  EXPECT_TRUE(Client(of_new, "new")->Get("/who"));
  EXPECT_FALSE(Client(of_old, "new")->Get("/who"));
}

bool IsClosed(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != EINTR);
}

TEST_F(HttpsServerTest, OfManyThatSayNothingMostAreClosedAtOnce) {
  std::vector<int> silent;
  for (int i = 0; i < 80; ++i) silent.push_back(ConnectToLoopback(server_.port()));
  const auto open = [&] { return std::count_if(silent.begin(), silent.end(), [](int fd) { return !IsClosed(fd); }); };
  const absl::Time start = absl::Now();
  while (open() > 32 && absl::Now() < start + absl::Seconds(3)) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_LE(open(), 32);
  for (const int fd : silent) close(fd);
  EXPECT_TRUE(Client(Issue("certs", Role::kObserver))->Get("/who"));
}

TEST_F(HttpsServerTest, AHandshakeHasADeadlineHoweverManyBytesArrive) {
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);  // and 500 bytes more
  std::vector<int> trickling;
  for (int i = 0; i < 8; ++i) {
    trickling.push_back(ConnectToLoopback(server_.port()));
    ASSERT_EQ(send(trickling.back(), hello.data(), hello.size(), MSG_NOSIGNAL), static_cast<ssize_t>(hello.size()));
  }
  const absl::Time start = absl::Now();
  auto answer = std::async(std::launch::async, [&] { return Client(Issue("certs", Role::kObserver))->Get("/who"); });
  const auto answered = [&] { return answer.wait_for(std::chrono::milliseconds(500)) == std::future_status::ready; };
  while (!answered() && absl::Now() < start + absl::Seconds(30)) {
    for (const int fd : trickling) send(fd, "x", 1, MSG_NOSIGNAL);
  }
  EXPECT_LT(absl::Now() - start, absl::Seconds(12));
  for (const int fd : trickling) close(fd);
  EXPECT_TRUE(answer.get());
}

TEST_F(HttpsServerTest, StopsWhileAHandshakeIsUnderWay) {
  const int fd = ConnectToLoopback(server_.port());
  absl::SleepFor(absl::Milliseconds(50));
  const absl::Time start = absl::Now();
  server_.Stop();
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  close(fd);
}

TEST_F(HttpsServerTest, ListensAgainWhenItsSocketFails) {
  ::testing::internal::CaptureStderr();
  for (int fd = 3; fd < 1024; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    sockaddr_in address = {};
    socklen_t address_size = sizeof address;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) continue;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &address_size) != 0) continue;
    if (ntohs(address.sin_port) == server_.port()) shutdown(fd, SHUT_RDWR);  // accept's error is none that is retried
  }
  const auto observer = Issue("certs", Role::kObserver);
  const absl::Time start = absl::Now();
  bool answered = false;
  while (!answered && absl::Now() < start + absl::Seconds(10)) {
    answered = static_cast<bool>(Client(observer)->Get("/who"));
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("https stopped listening"));
  EXPECT_TRUE(answered);
}

TEST_F(HttpsServerTest, SaysWhyItDoesNotStart) {
  HttpsServer other;
  HttpsOptions options;
  options.tls = Issue("certs", Role::kCoordinator);
  options.admit = IdentityOf;
  for (const char* wrong : {"", "7071", ":7071", "localhost:http", "localhost:70710"}) {
    options.address = wrong;
    EXPECT_EQ(
        other.Start(options, &routes_),
        absl::InvalidArgumentError(absl::StrCat("https: '", wrong, "', expected host:port with a port of 0 .. 65535")));
  }
  options.address = "127.0.0.1:" + std::to_string(server_.port());
  EXPECT_EQ(other.Start(options, &routes_),
            absl::UnavailableError("https: cannot listen on " + options.address + ": Address already in use"));
  options.address = "seedcast.invalid:0";
  EXPECT_EQ(other.Start(options, &routes_).code(), absl::StatusCode::kUnavailable);
  options.address = "127.0.0.1:0";
  options.tls.key = options.tls.certificate;
  EXPECT_EQ(other.Start(options, &routes_).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace seedcast
