#include "coordinator/rpc/peer_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>

namespace seedcast {
namespace {

sockaddr_storage V4(const char* host, int port) {
  sockaddr_storage address = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, host, &v4.sin_addr);
  return address;
}

sockaddr_storage V6(const char* host, int port) {
  sockaddr_storage address = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET6, host, &v6.sin6_addr);
  return address;
}

TEST(PeerAddressTest, SaysPeersAsGrpcDoes) {
  EXPECT_EQ(PeerName(V4("10.0.0.7", 51234)), "ipv4:10.0.0.7:51234");
  EXPECT_EQ(PeerName(V6("2001:db8::7", 1)), "ipv6:%5B2001:db8::7%5D:1");
  EXPECT_EQ(PeerName(V6("::ffff:10.0.0.7", 2)), "ipv4:10.0.0.7:2");
  EXPECT_EQ(PeerName({}), "");
}

TEST(PeerAddressTest, TheSourceIsWhatOneMachineCannotVary) {
  EXPECT_EQ(SourceOf(V4("10.0.0.7", 1)), SourceOf(V6("::ffff:10.0.0.7", 2)));
  EXPECT_NE(SourceOf(V4("10.0.0.7", 1)), SourceOf(V4("10.0.0.8", 1)));
  EXPECT_EQ(SourceOf(V6("2001:db8::7", 1)), SourceOf(V6("2001:db8::ffff:8", 1)));
  EXPECT_NE(SourceOf(V6("2001:db8::7", 1)), SourceOf(V6("2001:db8:0:1::7", 1)));
  EXPECT_EQ(SourceOf({}), "");
}

class EndConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage address = V4("127.0.0.1", 0);
    socklen_t size = sizeof(sockaddr_in);
    ASSERT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(listening_, 2), 0);
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
    for (int i = 0; i < 2; ++i) {
      clients_[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ASSERT_EQ(connect(clients_[i], reinterpret_cast<sockaddr*>(&address), size), 0);
      sockaddr_storage peer = {};
      socklen_t peer_size = sizeof peer;
      served_[i] = accept(listening_, reinterpret_cast<sockaddr*>(&peer), &peer_size);
      peers_[i] = PeerName(peer);
      ASSERT_EQ(send(clients_[i], "unread", 6, 0), 6);
    }
  }
  void TearDown() override {
    for (const int fd : {listening_, clients_[0], clients_[1], served_[0], served_[1]}) close(fd);
  }

  int listening_, port_, clients_[2], served_[2];
  std::string peers_[2];
};

TEST_F(EndConnectionTest, EndsOneAndForgetsWhatItSent) {
  EXPECT_TRUE(EndConnection(peers_[0], port_).has_value());
  char bytes[8];
  EXPECT_LE(recv(served_[0], bytes, sizeof bytes, MSG_DONTWAIT), 0);
  EXPECT_NE(errno, EAGAIN);
  EXPECT_EQ(recv(clients_[0], bytes, sizeof bytes, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  EXPECT_EQ(recv(served_[1], bytes, sizeof bytes, 0), 6) << "the other one stands";
}

TEST_F(EndConnectionTest, LeavesAloneWhatIsNotOurs) {
  EXPECT_FALSE(EndConnection(peers_[0], port_ + 1).has_value()) << "another port";
  EXPECT_FALSE(EndConnection("ipv4:127.0.0.1:1", port_).has_value());
  EXPECT_FALSE(EndConnection("", port_).has_value());
  char bytes[8];
  EXPECT_EQ(recv(served_[0], bytes, sizeof bytes, 0), 6);
}

}  // namespace
}  // namespace seedcast
