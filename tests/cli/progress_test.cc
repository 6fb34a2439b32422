#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace seedcast {
namespace {

using ::testing::HasSubstr;

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
  EXPECT_EQ(err_.str(), "\r\x1b[2Kone\r\x1b[2Kthree");
  line.Finish();
  line.Finish();
  EXPECT_EQ(err_.str(), "\r\x1b[2Kone\r\x1b[2Kthree\n");
  EXPECT_EQ(out_.str(), "");
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
  const std::string drawn = err_.str().substr(5);
  EXPECT_LT(drawn.size(), wide.size());
  EXPECT_EQ(drawn.size() % 2, 0u);
}

TEST(DescribeProgressTest, SaysWhatIsKnown) {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(800);
  status.set_state(v1::RUNNING);
  EXPECT_EQ(DescribeProgress(status), "generation 0/800 · waiting for workers");
  status.set_version(120);
  status.set_slots(2);
  status.mutable_last()->set_fitness_mean(-1.23456);
  status.mutable_last_validation()->set_accuracy(0.932);
  status.set_evaluations_per_second(1234.4);
  status.set_eta_seconds(200);
  EXPECT_EQ(DescribeProgress(status),
            "generation 120/800 · fitness -1.2346 · validation 93.20 % · 1,234 evaluations/s · ETA 3m 20s");
  status.mutable_last_validation()->set_accuracy(std::nan(""));
  status.mutable_last_validation()->set_fitness(-0.5);
  EXPECT_THAT(DescribeProgress(status), HasSubstr("validation -0.5000"));
  status.set_state(v1::PAUSED);
  EXPECT_THAT(DescribeProgress(status), HasSubstr("paused"));
}

TEST(DescribeProgressTest, SaysWhatTroubleTheStoreHasUntilTheJobHasEnded) {
  v1::JobStatus status;
  status.mutable_spec()->set_generations(800);
  status.set_message("disk full");
  for (const v1::JobState state : {v1::RUNNING, v1::PAUSED}) {
    status.set_state(state);
    EXPECT_THAT(DescribeProgress(status), HasSubstr(" · disk full"));
  }
  status.set_state(v1::FAILED);
  EXPECT_EQ(DescribeProgress(status), "generation 0/800");
}

TEST(DescribeProgressTest, NamesClustersAsLongAsTheyFitALine) {
  v1::JobStatus status;
  for (int c = 1; c <= 9; ++c) {
    v1::ClusterMetrics* cluster = status.mutable_last()->add_clusters();
    cluster->set_name("c" + std::to_string(c));
    cluster->set_fitness_mean(-c);
    EXPECT_EQ(DescribeProgress(status).find("c1 -1.00") != std::string::npos, c >= 2 && c <= 8) << c;
  }
}

}  // namespace
}  // namespace seedcast
