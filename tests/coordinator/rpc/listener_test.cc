#include "coordinator/rpc/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/synchronization/blocking_counter.h"
#include "tests/testing/loopback.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

TEST(ListenerTest, HandsOverWhoCame) {
  const auto listener = Listener::Open("127.0.0.1:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int early = ConnectToLoopback((*listener)->port());  // before Start
  absl::BlockingCounter came(2);
  (*listener)->Start([&](int fd) {
    close(fd);
    came.DecrementCount();
  });
  const int late = ConnectToLoopback((*listener)->port());
  came.Wait();
  (*listener)->Stop();
  EXPECT_EQ((*listener)->shed(), 0);
  close(early);
  close(late);
}

TEST(ListenerTest, ANameStandsForItsAddressesOnOnePort) {
  const auto listener = Listener::Open("localhost:0");
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_GT((*listener)->port(), 0);
  const auto again = Listener::Open("localhost:" + std::to_string((*listener)->port()));
  EXPECT_EQ(again.status().code(), absl::StatusCode::kUnavailable);
}

TEST(ListenerTest, ASocketOfADeadProcessIsReplacedAndItsOwnIsRemoved) {
  const TemporaryDirectory directory;
  const std::string path = directory / "s.sock";
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(dead);
  {
    const auto listener = Listener::Open("unix:" + path);
    ASSERT_TRUE(listener.ok()) << listener.status();
    const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    close(client);
  }
  struct stat status;
  EXPECT_NE(stat(path.c_str(), &status), 0);
}

TEST(ListenerTest, ASocketThatIsServedStays) {
  const TemporaryDirectory directory;
  const std::string address = "unix:" + directory / "s.sock";
  const auto first = Listener::Open(address);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = Listener::Open(address).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.message()), HasSubstr("Address already in use"));
  struct stat status;
  EXPECT_EQ(stat((directory / "s.sock").c_str(), &status), 0);
}

TEST(ListenerTest, SaysWhyItCannotListen) {
  for (const auto& [address, says] :
       {std::pair("127.0.0.1", "expected host:port"), std::pair(":7070", "expected host:port"),
        std::pair("127.0.0.1:http-not", "cannot listen on 127.0.0.1:http-not"),
        std::pair("no.such.host.invalid:1", "cannot listen on no.such.host.invalid:1"),
        std::pair("unix:/no/such/directory/s.sock", "No such file or directory")}) {
    EXPECT_THAT(std::string(Listener::Open(address).status().message()), HasSubstr(says)) << address;
  }
}

}  // namespace
}  // namespace seedcast
