#include "coordinator/status/job_curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A log of one job, and who asked for what.
class JobCurvesTest : public ::testing::Test {
 protected:
  v1::JobStatus Job(int64_t version, const std::string& job_id = "job-1") {
    v1::JobStatus status;
    status.set_job_id(job_id);
    status.set_version(version);
    status.mutable_spec()->set_generations(1000);
    return status;
  }

  std::vector<int64_t> Get(const v1::JobStatus& status, int64_t after = -1) {
    asked_.clear();
    const auto curve = curves_.Get(status, after);
    EXPECT_TRUE(curve.ok()) << curve.status();
    std::vector<int64_t> generations;
    for (const v1::GenerationMetrics& metrics : *curve) {
      generations.push_back(metrics.generation());
      EXPECT_EQ(metrics.clusters_size(), 0);
    }
    return generations;
  }

  absl::Status refusal_ = absl::OkStatus();
  int64_t first_ = 0;  // in the log
  std::vector<int64_t> asked_;
  size_t longest_question_ = 0;
  JobCurves curves_{
      [this](const std::string&,
             const std::vector<int64_t>& generations) -> absl::StatusOr<std::vector<v1::GenerationMetrics>> {
        if (!refusal_.ok()) return refusal_;
        asked_.insert(asked_.end(), generations.begin(), generations.end());
        longest_question_ = std::max(longest_question_, generations.size());
        std::vector<v1::GenerationMetrics> metrics;
        for (const int64_t generation : generations) {
          if (generation < first_) continue;
          metrics.emplace_back().set_generation(generation);
          metrics.back().add_clusters()->set_name("a");
        }
        return metrics;
      }};
};

TEST_F(JobCurvesTest, ReadsOnlyWhatIsNew) {
  EXPECT_THAT(Get(Job(3)), ElementsAre(0, 1, 2));
  EXPECT_THAT(asked_, ElementsAre(0, 1, 2));
  EXPECT_THAT(Get(Job(5)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(asked_, ElementsAre(3, 4));
  EXPECT_THAT(Get(Job(5)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(JobCurvesTest, GivesWhatCameAfter) {
  EXPECT_THAT(Get(Job(5), /*after=*/2), ElementsAre(3, 4));
  EXPECT_THAT(Get(Job(5), /*after=*/100), IsEmpty());
}

TEST_F(JobCurvesTest, AForkHasNoFirstGenerations) {
  first_ = 3;
  EXPECT_THAT(Get(Job(5)), ElementsAre(3, 4));
  Get(Job(6));
  EXPECT_THAT(asked_, ElementsAre(5));
}

TEST_F(JobCurvesTest, AsksForFewAtOnceAndThinsWhatItHas) {
  EXPECT_EQ(Get(Job(250)).size(), 250u);
  EXPECT_LE(longest_question_, 32u);
  EXPECT_EQ(Get(Job(300)).size(), 150u);
  EXPECT_EQ(asked_.size(), 25u);
}

TEST_F(JobCurvesTest, AfterATroubleGoesOnWhereItStood) {
  refusal_ = absl::UnavailableError("busy");
  EXPECT_EQ(curves_.Get(Job(3), -1).status(), refusal_);
  refusal_ = absl::OkStatus();
  EXPECT_THAT(Get(Job(3)), ElementsAre(0, 1, 2));
}

TEST_F(JobCurvesTest, ForgetsTheJobNotLookedAtForLongest) {
  for (int i = 0; i < 40; ++i) {
    Get(Job(3, absl::StrCat("job-", i)));
    Get(Job(3, "job-0"));
  }
  EXPECT_THAT(asked_, IsEmpty());
  Get(Job(3, "job-39"));
  EXPECT_THAT(asked_, IsEmpty());
  Get(Job(3, "job-1"));
  EXPECT_THAT(asked_, ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace seedcast
