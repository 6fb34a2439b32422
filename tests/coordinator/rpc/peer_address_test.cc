#include "coordinator/rpc/peer_address.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tests/testing/loopback.h"

namespace seedcast {
namespace {

// Of a host in figures, of either family.
sockaddr_storage Address(const char* host, int port) {
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  EXPECT_EQ(getaddrinfo(host, std::to_string(port).c_str(), &hints, &found), 0) << host;
  sockaddr_storage address = {};
  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

TEST(PeerAddressTest, SaysPeersAsGrpcDoes) {
  EXPECT_EQ(PeerName(Address("10.0.0.7", 51234)), "ipv4:10.0.0.7:51234");
  EXPECT_EQ(PeerName(Address("2001:db8::7", 1)), "ipv6:%5B2001:db8::7%5D:1");
  EXPECT_EQ(PeerName(Address("::ffff:10.0.0.7", 2)), "ipv4:10.0.0.7:2");
  EXPECT_EQ(PeerName({}), "");
}

TEST(PeerAddressTest, TheSourceIsWhatOneMachineCannotVary) {
  EXPECT_EQ(SourceOf(Address("10.0.0.7", 1)), SourceOf(Address("::ffff:10.0.0.7", 2)));
  EXPECT_NE(SourceOf(Address("10.0.0.7", 1)), SourceOf(Address("10.0.0.8", 1)));
  EXPECT_EQ(SourceOf(Address("2001:db8::7", 1)), SourceOf(Address("2001:db8::ffff:8", 1)));
  EXPECT_NE(SourceOf(Address("2001:db8::7", 1)), SourceOf(Address("2001:db8:0:1::7", 1)));
  EXPECT_EQ(SourceOf({}), "");
}

class EndConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    listening_ = ListenOnLoopback(&port_);
    for (int i = 0; i < 2; ++i) {
      clients_[i] = ConnectToLoopback(port_);
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
