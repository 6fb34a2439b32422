#include "worker/data/download.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "tests/testing/silent_server.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

TEST(DownloadTest, ACancelledDownloadEndsSoonAndLeavesNothing) {
  const SilentServer server;
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/archive.zip";
  TemporaryDirectory directory;
  std::atomic<bool> cancelled = false;
  std::thread canceller([&] {
    const int connection = server.Accept();
    cancelled = true;
    char byte;
    while (read(connection, &byte, 1) > 0) continue;  // until the client has given up
    close(connection);
  });
  const absl::Time start = absl::Now();
  const absl::Status status = Fetch({url, "0", &cancelled}, directory / "archive.zip");
  canceller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_LT(absl::Now() - start, absl::Seconds(4));  // the time to connect alone is 5 s
  EXPECT_FALSE(std::filesystem::exists(directory / "archive.zip"));
}

}  // namespace
}  // namespace seedcast
