// Commands that would speak plain text with a coordinator on another machine.
#include <gmock/gmock.h>

#include "tests/cli/command_fixture.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// This machine by an address that is not loopback's; nothing listens there.
constexpr char kElsewhere[] = "0.0.0.0:1";

TEST_F(CommandTest, PlainTextAcrossANetworkIsRefused) {
  for (const char* address : {kElsewhere, "coordinator.example.org:7070", "127.example.org:7070"}) {
    const CommandResult refused = Command({"list", "--coordinator", address});
    EXPECT_EQ(refused.code, kExitUsage) << address;
    EXPECT_THAT(refused.err, HasSubstr("expected a loopback address, or certificates")) << address;
  }
}

TEST_F(CommandTest, PlainTextAcrossANetworkIsSpokenWhenTold) {
  for (const CommandResult& result : {Command({"list", "--coordinator", kElsewhere, "--insecure"}),
                                      Command({"list", "--coordinator", kElsewhere}, {"SEEDCAST_INSECURE=true"})}) {
    EXPECT_EQ(result.code, kExitUnreachable);
    EXPECT_THAT(result.err, Not(HasSubstr("--insecure")));
  }
}

}  // namespace
}  // namespace seedcast
