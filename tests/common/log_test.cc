#include "common/log.h"

#include <gtest/gtest.h>

namespace seedcast {
namespace {

const absl::Time kTime = absl::FromUnixSeconds(1'800'000'000);

TEST(LogTest, IsALineOfText) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, kTime, "info", "worker joined", {{"worker", "w1"}, {"note", "a b"}}),
            "2027-01-15T08:00:00.000Z info \"worker joined\" worker=w1 note=\"a b\"\n");
}

TEST(LogTest, IsALineOfJson) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, kTime, "info", "worker joined", {{"worker", "w1"}, {"note", "a \"b\" \\"}}),
            "{\"time\":\"2027-01-15T08:00:00.000Z\",\"level\":\"info\",\"event\":\"worker joined\",\"worker\":\"w1\","
            "\"note\":\"a \\\"b\\\" \\\\\"}\n");
}

TEST(LogTest, NoValueEndsTheLineOrSteersATerminal) {
  const std::string hostile("x\nE0101 forged\x1b[31m\0\xff\r", 23);
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const std::string line = FormatLogLine(format, kTime, "info", hostile, {{"value", hostile}});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    for (const char c : line.substr(0, line.size() - 1)) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
  }
}

}  // namespace
}  // namespace seedcast
