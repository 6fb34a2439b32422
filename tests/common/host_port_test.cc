#include "common/host_port.h"

#include <gtest/gtest.h>

namespace seedcast {
namespace {

TEST(HostPortTest, CutsAtTheLastColonAndTakesBracketsOff) {
  EXPECT_EQ(SplitHostPort("[::1]:7070").host, "::1");
  EXPECT_EQ(SplitHostPort("[::1]:7070").port, "7070");
  EXPECT_EQ(SplitHostPort("host").host, "host");
  EXPECT_EQ(SplitHostPort("host").port, "");
}

TEST(HostPortTest, APortToListenOnMayBeZeroOneToConnectToMayNot) {
  const struct {
    const char* address;
    bool listen;
    bool connect;
  } cases[] = {
      {"127.0.0.1:7070", true, true},
      {"localhost:65535", true, true},
      {"[::1]:7070", true, true},
      {"host:0", true, false},
      {"host:65536", false, false},
      {"host:99999999999", false, false},
      {"host:-1", false, false},
      {"host:+1", false, false},
      {"host: 1", false, false},
      {"host:http", false, false},
      {"host:", false, false},
      {"host", false, false},
      {":7070", false, false},
      {"", false, false},
      {"a,b:1", false, true},
      // What gRPC alone understands is nothing to bind.
      {"ipv4:127.0.0.1:7070", false, true},
      {"dns:///host:7070", false, true},
      {"unix:path", false, true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(CheckListenAddress(c.address).ok(), c.listen) << c.address;
    EXPECT_EQ(CheckTarget(c.address).ok(), c.connect) << c.address;
  }
  EXPECT_EQ(CheckListenAddress("host:65536").message(), "'host:65536', expected host:port with a port of 0 .. 65535");
  EXPECT_EQ(CheckTarget("host:0").message(), "'host:0', expected host:port with a port of 1 .. 65535");
}

}  // namespace
}  // namespace seedcast
