#include "cli/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace seedcast {
namespace {

TEST(TableTest, AlignsColumnsByTheirWidestCell) {
  Table table({{"job"}, {"fitness", Column::kRight}});
  table.AddRow({"omniglot-1", "-1.5"});
  table.AddRow({"a", "95 ± 1 %"});
  EXPECT_EQ(table.str(),
            "job          fitness\n"
            "omniglot-1      -1.5\n"
            "a           95 ± 1 %\n");
}

TEST(TableTest, LeavesOutAHeaderWithoutNames) {
  Table table({{""}, {""}});
  table.AddRow({"state", "RUNNING"});
  EXPECT_EQ(table.str(), "state  RUNNING\n");
}

TEST(TableTest, DoesNotPassControlCharactersOn) {
  Table table({{"message"}});
  table.AddRow({"a\x1b[31mb\nc"});
  EXPECT_EQ(table.str(), "message\na [31mb c\n");
}

TEST(FormatTest, CountsGetThousandsSeparators) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(12.34), "12.3");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567.4), "1,234,567");
  EXPECT_EQ(FormatCount(-1234), "-1,234");
  EXPECT_EQ(FormatCount(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(FormatTest, BytesAndSecondsGetUnits) {
  EXPECT_EQ(FormatBytes(812), "812 B");
  EXPECT_EQ(FormatBytes(4200), "4.2 kB");
  EXPECT_EQ(FormatBytes(1.26e6), "1.3 MB");
  EXPECT_EQ(FormatSeconds(8.24), "8.2 s");
  EXPECT_EQ(FormatSeconds(59.97), "1m 00s");
  EXPECT_EQ(FormatSeconds(185), "3m 05s");
  EXPECT_EQ(FormatSeconds(7380), "2h 03m");
  EXPECT_EQ(FormatSeconds(3 * 86400 + 5 * 3600), "3d 05h");
  EXPECT_EQ(FormatSeconds(-1), "-");
  EXPECT_EQ(FormatSeconds(std::numeric_limits<double>::infinity()), "-");
}

TEST(FormatTest, AccuracyFallsBackToFitnessWhereATaskHasNone) {
  v1::EvaluationResult result;
  result.set_accuracy(0.9532);
  result.set_interval(0.0041);
  result.set_fitness(-0.25);
  EXPECT_EQ(FormatAccuracy(result), "95.32 ± 0.41 %");
  result.set_accuracy(std::nan(""));
  EXPECT_EQ(FormatAccuracy(result), "fitness -0.25");
}

TEST(SparklineTest, SpansLowestToHighestInAtMostWidthCells) {
  EXPECT_EQ(Sparkline({}, 10), "");
  EXPECT_EQ(Sparkline({0, 1}, 10), "▁█");
  EXPECT_EQ(Sparkline({2, 2, 2}, 10), "▄▄▄");
  EXPECT_EQ(Sparkline({0, 0, 1, 1, 7, 7}, 3), "▁▂█");
  EXPECT_EQ(Sparkline({0, std::nan(""), 1}, 10), "▁█");
}

}  // namespace
}  // namespace seedcast
