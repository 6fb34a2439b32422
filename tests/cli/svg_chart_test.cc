#include "cli/svg_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/read_text.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

Chart TwoPanels() {
  return {"A & B",
          "step",
          "loss",
          {{"first", {0, 10, 20}, {{"learned", {3, 2, 1}}, {"Adam", {3, 1, 0.5}}}},
           {"<second>", {0, 10, 20}, {{"learned", {1, NAN, 2}}, {"Adam", {4, 4, 4}}}}}};
}

TEST(SvgChartTest, DrawsEveryPanelSeriesAndLabel) {
  const std::string svg = SvgChart(TwoPanels());
  EXPECT_EQ(Count(svg, "<polyline"), 4);
  EXPECT_EQ(Count(svg, ">learned</text>"), 1) << "one legend";
  EXPECT_EQ(Count(svg, ">step</text>"), 2);
  EXPECT_EQ(Count(svg, ">loss</text>"), 2);
  EXPECT_THAT(svg, HasSubstr(">A &amp; B</text>"));
  EXPECT_THAT(svg, HasSubstr(">&lt;second&gt;</text>"));
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

TEST(SvgChartTest, LeavesOutWhatIsNotFinite) {
  const std::string svg = SvgChart(TwoPanels());
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  Chart empty = TwoPanels();
  for (ChartSeries& series : empty.panels[0].series) series.y = {NAN, INFINITY, NAN};
  EXPECT_THAT(SvgChart(empty), Not(HasSubstr("nan")));
}

TEST(SvgChartTest, IntervalsAreBandsThatEndWithThePlot) {
  Chart chart = TwoPanels();
  EXPECT_EQ(Count(SvgChart(chart), "<polygon"), 0);
  const std::string without = SvgChart(chart);
  chart.panels[0].series[0].interval = {0.5, NAN, 1000};
  const std::string svg = SvgChart(chart);
  EXPECT_EQ(Count(svg, "<polygon"), 1);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  const size_t line = without.find("<polyline");
  EXPECT_EQ(svg.substr(svg.find("<polyline")), without.substr(line)) << "the curves stay where they are";
}

TEST(SvgChartTest, TicksAreRound) {
  EXPECT_THAT(RoundTicks(0, 100, 4), ElementsAre(0, 50, 100));
  EXPECT_THAT(RoundTicks(-0.31, 0.3, 5), ElementsAre(-0.2, 0, 0.2));
  EXPECT_THAT(RoundTicks(0, 1, 10), Contains(DoubleNear(0.7, 1e-12)));
  EXPECT_EQ(RoundTicks(0, 1, 10).size(), 11u);
}

TEST(SvgChartTest, WritesTheFileOrNamesIt) {
  const TemporaryDirectory folder;
  ASSERT_TRUE(WriteSvg(folder / "chart.svg", TwoPanels()).ok());
  EXPECT_EQ(ReadText(folder / "chart.svg"), SvgChart(TwoPanels()));
  EXPECT_THAT(std::string(WriteSvg(folder / "missing/chart.svg", TwoPanels()).message()),
              HasSubstr("missing/chart.svg: cannot be written"));
}

}  // namespace
}  // namespace seedcast
