#include "worker/data/download.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

// Takes connections and never says a word.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/archive.zip";
  }
  ~SilentServer() { close(fd_); }
  const std::string& url() const { return url_; }
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::string url_;
};

TEST(DownloadTest, ACancelledDownloadEndsSoonAndLeavesNothing) {
  const SilentServer server;
  TemporaryDirectory directory;
  std::atomic<bool> cancelled = false;
  std::thread canceller([&] {
    const int connection = accept(server.fd(), nullptr, nullptr);
    cancelled = true;
    char byte;
    while (read(connection, &byte, 1) > 0) continue;  // until the client has given up
    close(connection);
  });
  const absl::Time start = absl::Now();
  const absl::Status status = Fetch({server.url(), "0", &cancelled}, directory / "archive.zip");
  canceller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_LT(absl::Now() - start, absl::Seconds(4));  // the time to connect alone is 5 s
  EXPECT_FALSE(std::filesystem::exists(directory / "archive.zip"));
}

}  // namespace
}  // namespace seedcast
