#include "coordinator/rpc/source_limit.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "tests/testing/loopback.h"

namespace seedcast {
namespace {

constexpr int kMost = 3;

class SourceLimitTest : public ::testing::Test {
 protected:
  ~SourceLimitTest() override {
    close(listening_);
    for (const int fd : clients_) close(fd);
  }

  // The descriptor of a new connection.
  int Accept(const char* from) {
    clients_.push_back(ConnectToLoopback(port_, from));
    return accept(listening_, nullptr, nullptr);
  }
  // Whether it is taken; who is not is closed.
  bool Take(const char* from, int* fd = nullptr) {
    const int accepted = Accept(from);
    const bool taken = limit_.Take(accepted, from, kMost, now_);
    if (!taken) close(accepted);
    if (fd != nullptr) *fd = accepted;
    return taken;
  }

  SourceLimit limit_;
  absl::Time now_ = absl::UnixEpoch();
  int port_ = 0;
  const int listening_ = ListenOnLoopback(&port_);
  std::vector<int> clients_;
};

TEST_F(SourceLimitTest, TakesSoManyFromOneAddress) {
  for (int i = 0; i < kMost; ++i) EXPECT_TRUE(Take("127.0.0.2"));
  EXPECT_FALSE(Take("127.0.0.2"));
  for (int i = 0; i < kMost; ++i) EXPECT_TRUE(Take("127.0.0.3")) << "others are not concerned";
  EXPECT_FALSE(Take("127.0.0.3"));
}

TEST_F(SourceLimitTest, FindsOutWhoIsGone) {
  int first = -1;
  EXPECT_TRUE(Take("127.0.0.2", &first));
  EXPECT_TRUE(Take("127.0.0.2"));
  EXPECT_TRUE(Take("127.0.0.2"));
  EXPECT_FALSE(Take("127.0.0.2"));
  close(first);
  EXPECT_TRUE(limit_.Take(first, "127.0.0.3", kMost, now_)) << "its number is another connection's now";
  EXPECT_TRUE(Take("127.0.0.2"));
}

TEST_F(SourceLimitTest, CountsAnewAfterAWhile) {
  int fds[kMost];
  for (int& fd : fds) EXPECT_TRUE(Take("127.0.0.2", &fd));
  const int waiting = Accept("127.0.0.2");
  EXPECT_FALSE(limit_.Take(waiting, "127.0.0.2", kMost, now_));
  for (const int fd : fds) close(fd);
  EXPECT_FALSE(limit_.Take(waiting, "127.0.0.2", kMost, now_ + absl::Milliseconds(99)));
  EXPECT_TRUE(limit_.Take(waiting, "127.0.0.2", kMost, now_ + absl::Milliseconds(100)));
}

}  // namespace
}  // namespace seedcast
