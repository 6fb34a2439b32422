#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"

namespace seedcast {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<ProgressRow> Rows(const std::vector<std::string>& lines) {
  std::vector<ProgressRow> rows;
  rows.reserve(lines.size());
  for (const std::string& line : lines) rows.push_back({{{line}}});
  return rows;
}

// What a wide terminal shows, row by row.
std::vector<std::string> LinesOf(const v1::JobStatus& status, size_t columns = 1000) {
  std::vector<std::string> lines;
  for (const ProgressRow& row : DescribeProgress(status)) lines.push_back(FitRow(row, columns));
  return lines;
}

std::string Described(const v1::JobStatus& status) { return absl::StrJoin(LinesOf(status), "\n"); }

class ProgressLineTest : public ::testing::Test {
 protected:
  std::ostringstream out_, err_;
  const absl::Time start_ = absl::FromUnixSeconds(1000);
};

TEST_F(ProgressLineTest, RedrawsInPlaceOnATerminalAFewTimesASecond) {
  Console console{out_, err_, /*err_is_terminal=*/true};
  ProgressLine line(console);
  line.Show("one", start_);
  line.Show("two", start_ + absl::Milliseconds(10));  // too soon
  line.Show("three", start_ + absl::Milliseconds(300));
  EXPECT_EQ(err_.str(), "\r\x1b[Jone\r\x1b[Jthree");
  line.Finish();
  line.Finish();
  EXPECT_EQ(err_.str(), "\r\x1b[Jone\r\x1b[Jthree\n");
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ProgressLineTest, RedrawsAllItsLinesFromTheFirst) {
  Console console{out_, err_, /*err_is_terminal=*/true};
  ProgressLine line(console);
  line.Show(Rows({"one", "two", "three"}), start_);
  line.Show("four", start_ + absl::Seconds(1));
  line.Show("five", start_ + absl::Seconds(2));
  line.Finish();
  EXPECT_EQ(err_.str(), "\r\x1b[Jone\ntwo\nthree\x1b[2A\r\x1b[Jfour\r\x1b[Jfive\n");
}

TEST_F(ProgressLineTest, CutsEachOfItsLines) {
  Console console{out_, err_, /*err_is_terminal=*/true};
  ProgressLine line(console);
  line.Show(Rows({std::string(1000, 'a'), std::string(1000, 'b')}), start_);
  EXPECT_THAT(err_.str(), ContainsRegex("a\nb+$"));
  EXPECT_LT(err_.str().size(), 1000u);
}

TEST_F(ProgressLineTest, JoinsItsLinesElsewhere) {
  Console console{out_, err_, /*err_is_terminal=*/false};
  ProgressLine line(console);
  line.Show(Rows({"one", "two"}), start_);
  EXPECT_EQ(err_.str(), "one · two\n");
}

TEST_F(ProgressLineTest, WritesAPlainLineEveryTenSecondsElsewhere) {
  Console console{out_, err_, /*err_is_terminal=*/false};
  ProgressLine line(console);
  line.Show("one", start_);
  line.Show("two", start_ + absl::Seconds(9));
  line.Show("three", start_ + absl::Seconds(10));
  EXPECT_EQ(err_.str(), "one\nthree\n");
}

TEST_F(ProgressLineTest, FinishesWithTheNewestLine) {
  Console console{out_, err_, /*err_is_terminal=*/false};
  {
    ProgressLine line(console);
    line.Show("one", start_);
    line.Show("two", start_ + absl::Milliseconds(1));
  }
  EXPECT_EQ(err_.str(), "one\ntwo\n");
}

TEST_F(ProgressLineTest, CutsALineThatWouldWrapByCharactersNotBytes) {
  Console console{out_, err_, /*err_is_terminal=*/true};
  ProgressLine line(console);
  std::string wide;
  for (int i = 0; i < 500; ++i) wide += "±";
  line.Show(wide, start_);
  const std::string drawn = err_.str().substr(std::string("\r\x1b[J").size());
  EXPECT_LT(drawn.size(), wide.size());
  EXPECT_EQ(drawn.size() % 2, 0u);
}

TEST(DescribeProgressTest, SaysWhatIsKnown) {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(800);
  status.set_state(v1::RUNNING);
  EXPECT_EQ(Described(status), "generation 0/800");
  status.set_numeric_class_note("waiting: no worker");
  EXPECT_EQ(Described(status), "generation 0/800 · waiting: no worker");
  status.clear_numeric_class_note();
  status.set_version(120);
  status.set_slots(2);
  status.mutable_last()->set_fitness_mean(-1.23456);
  status.mutable_last_validation()->set_accuracy(0.932);
  status.set_evaluations_per_second(1234.4);
  status.set_eta_seconds(200);
  EXPECT_EQ(Described(status),
            "generation 120/800 · fitness -1.2346 · validation 93.20 % · 1,234 evaluations/s · ETA 3m 20s");
  status.mutable_last_validation()->set_accuracy(std::nan(""));
  status.mutable_last_validation()->set_fitness(-0.5);
  EXPECT_THAT(Described(status), HasSubstr("validation -0.5000"));
  status.set_state(v1::PAUSED);
  EXPECT_THAT(Described(status), HasSubstr("paused"));
}

TEST(DescribeProgressTest, SaysWhatTroubleTheStoreHasUntilTheJobHasEnded) {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(800);
  status.set_message("disk full");
  for (const v1::JobState state : {v1::RUNNING, v1::PAUSED}) {
    status.set_state(state);
    EXPECT_THAT(Described(status), HasSubstr(" · disk full"));
  }
  status.set_state(v1::FAILED);
  EXPECT_EQ(Described(status), "generation 0/800");
}

TEST(DescribeProgressTest, NamesClustersAsLongAsTheyFitALine) {
  v1::JobStatus status;
  for (int c = 1; c <= 9; ++c) {
    v1::ClusterMetrics* cluster = status.mutable_last()->add_clusters();
    cluster->set_name("c" + std::to_string(c));
    cluster->set_fitness_mean(-c);
    EXPECT_EQ(Described(status).find("c1 -1.00") != std::string::npos, c >= 2 && c <= 8) << c;
  }
}

// The text of the example's five clusters, as its user sees it.
TEST(DescribeProgressTest, ClustersAndBalanceFitATerminalOf80Columns) {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(700);
  status.set_state(v1::RUNNING);
  status.set_version(350);
  status.set_slots(3);
  status.set_evaluations_per_second(1234.4);
  status.set_eta_seconds(200);
  status.mutable_last_validation()->set_accuracy(std::nan(""));
  v1::GenerationMetrics& last = *status.mutable_last();
  last.set_fitness_mean(-1.5);
  last.set_idle_share(0.04);
  for (const char* name : {"quadratics", "bowls", "softmax", "nets", "functions"}) {
    v1::ClusterMetrics& cluster = *last.add_clusters();
    cluster.set_name(name);
    cluster.set_fitness_mean(-12.345);
  }
  for (const double seconds : {2.2, 1.0}) last.add_groups()->set_measured_seconds(seconds);
  last.mutable_groups(0)->set_slots(2);
  last.mutable_groups(1)->set_slots(1);
  const std::vector<std::string> lines = LinesOf(status);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("1,234 evaluations/s · ETA 3m 20s"),
                                 "quadratics -12.35, bowls -12.35, softmax -12.35, nets -12.35, functions -12.35",
                                 "2 groups, imbalance 3 %, idle 4 %"));
  for (size_t i = 1; i < lines.size(); ++i) EXPECT_LT(lines[i].size(), 80u) << lines[i];
}

TEST_F(ProgressLineTest, ANameCannotBreakALine) {
  v1::JobStatus status;
  for (const char* name : {"a\nb", "c"}) status.mutable_last()->add_clusters()->set_name(name);
  Console console{out_, err_, /*err_is_terminal=*/false};
  ProgressLine line(console);
  line.Show(DescribeProgress(status), start_);
  EXPECT_THAT(err_.str(), HasSubstr(" · a b 0.00, c 0.00\n"));
}

TEST(DescribeProgressTest, WhatIsNotFiniteIsNotShown) {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(3);
  status.mutable_last()->set_fitness_mean(std::nan(""));
  status.mutable_last_validation()->set_accuracy(std::nan(""));
  status.mutable_last_validation()->set_fitness(std::nan(""));
  for (const char* name : {"bowls", "nets"}) {
    v1::ClusterMetrics& cluster = *status.mutable_last()->add_clusters();
    cluster.set_name(name);
    cluster.set_fitness_mean(std::nan(""));
  }
  EXPECT_EQ(Described(status), "generation 0/3 · no finite fitness\nbowls -, nets -");
}

v1::JobStatus RunningJob() {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(3000);
  status.set_state(v1::RUNNING);
  status.set_version(147);
  status.set_slots(2);
  status.mutable_last()->set_fitness_mean(-0.7479);
  status.mutable_last_validation()->set_accuracy(0.9873);
  status.set_evaluations_per_second(2816);
  status.set_eta_seconds(514);
  return status;
}

TEST(FitRowTest, ANarrowTerminalLosesWholePartsTheLeastNeededFirst) {
  const struct {
    size_t columns;
    const char* line;
  } cases[] = {
      {93, "generation 147/3000 · fitness -0.7479 · validation 98.73 % · 2,816 evaluations/s · ETA 8m 34s"},
      {92, "generation 147/3000 · fitness -0.7479 · validation 98.73 % · ETA 8m 34s"},
      {79, "generation 147/3000 · fitness -0.7479 · validation 98.73 % · ETA 8m 34s"},
      {71, "generation 147/3000 · fitness -0.7479 · validation 98.73 % · ETA 8m 34s"},
      {70, "generation 147/3000 · fitness -0.7479 · ETA 8m 34s"},
      {50, "generation 147/3000 · fitness -0.7479 · ETA 8m 34s"},
      {49, "generation 147/3000 · fitness -0.7479"},
      {37, "generation 147/3000 · fitness -0.7479"},
      {36, "generation 147/3000"},
      {19, "generation 147/3000"},
      {10, "generation"},
      {0, ""},
  };
  for (const auto& c : cases) EXPECT_THAT(LinesOf(RunningJob(), c.columns), ElementsAre(c.line)) << c.columns;
}

TEST(FitRowTest, ANoteIsShortenedWhereSomethingOfItFits) {
  v1::JobStatus status = RunningJob();
  status.set_message("the store cannot be written: No space left on device");
  const char* const start = "generation 147/3000 · fitness -0.7479 · ETA 8m 34s";
  EXPECT_THAT(LinesOf(status, 79), ElementsAre(std::string(start) + " · the store cannot be writt…"));
  EXPECT_THAT(LinesOf(status, 65), ElementsAre(std::string(start) + " · the store c…"));
  EXPECT_THAT(LinesOf(status, 64), ElementsAre(start));
}

TEST(FitRowTest, ClustersGoWhole) {
  const ProgressRow row{{{"quadratics -1.21"}, {"bowls -4.30"}, {"nets -2.00"}}, ", "};
  EXPECT_EQ(FitRow(row, 28), "quadratics -1.21");
  EXPECT_EQ(FitRow(row, 29), "quadratics -1.21, bowls -4.30");
}

TEST(GroupImbalanceTest, IsThatOfTimesNotOfWork) {
  const struct {
    const char* why;
    std::vector<std::pair<double, int>> groups;  // seconds, slots
    double imbalance;
  } cases[] = {
      {"equal groups", {{3, 1}, {3, 1}}, 0},
      {"equal slots, twice the work", {{2, 1}, {1, 1}}, 1.0 / 3},
      {"twice the work, twice the slots", {{2, 2}, {1, 1}}, 0},
      {"twice the slots, no more work", {{1, 2}, {1, 1}}, 0.5},
      {"no slots were recorded", {{2, 0}, {1, 0}}, 1.0 / 3},
      {"nothing measured", {{0, 1}, {0, 1}}, 0},
  };
  for (const auto& c : cases) {
    v1::GenerationMetrics generation;
    for (const auto& [seconds, slots] : c.groups) {
      v1::GroupMetrics& group = *generation.add_groups();
      group.set_measured_seconds(seconds);
      group.set_slots(slots);
    }
    EXPECT_NEAR(GroupImbalance(generation), c.imbalance, 1e-12) << c.why;
  }
}

}  // namespace
}  // namespace seedcast
