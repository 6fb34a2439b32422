#include "cli/job_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class ShowTableTest : public ::testing::Test {
 protected:
  v1::ClusterMetrics& AddCluster(const char* name, double fitness, int group) {
    v1::ClusterMetrics& cluster = *status_.mutable_last()->add_clusters();
    cluster.set_name(name);
    cluster.set_fitness_mean(fitness);
    cluster.set_group(group);
    return cluster;
  }
  void AddGroup(int workers, int slots, double predicted, double measured, double finished, int64_t stolen) {
    v1::GroupMetrics& group = *status_.mutable_last()->add_groups();
    group.set_workers(workers);
    group.set_slots(slots);
    group.set_predicted_seconds(predicted);
    group.set_measured_seconds(measured);
    group.set_finished_seconds(finished);
    group.set_stolen_pairs(stolen);
  }
  std::string Show() const { return ShowTable(status_, history_); }

  v1::JobStatus status_;
  v1::GetHistoryResponse history_;
};

TEST_F(ShowTableTest, SaysHowClustersFare) {
  v1::ClusterMetrics& bowls = AddCluster("bowls", -1.25, 1);
  bowls.set_seconds(2.5);
  bowls.set_failed(1);
  bowls.set_not_finite(2);
  bowls.set_diverged(4);
  EXPECT_THAT(Show(), HasSubstr("CLUSTER  FITNESS  SINCE THE START  SECONDS  GROUP  FAILED  DIVERGED\n"
                                "bowls    -1.2500                     2.500      2       3         4\n"));
  EXPECT_THAT(Show(), Not(HasSubstr("imbalance")));
}

TEST_F(ShowTableTest, SetsTheWorkOfGroupsAgainstTheirSlots) {
  AddCluster("nets", -1, 0);
  AddCluster("bowls", -2, 1);
  AddCluster("functions", -3, 1);
  AddGroup(2, 2, 3.75, 4, 2.25, 3);
  AddGroup(1, 1, 2, 2, 1.5, 0);
  status_.mutable_last()->set_idle_share(0.125);
  EXPECT_THAT(Show(),
              HasSubstr("GROUP  CLUSTERS          WORKERS  SLOTS  PREDICTED  MEASURED  FINISHED AFTER  STOLEN PAIRS\n"
                        "    1  nets                    2      2    3.750 s   4.000 s         2.250 s             3\n"
                        "    2  bowls, functions        1      1    2.000 s   2.000 s         1.500 s             0\n"
                        "imbalance 0.0 %, idle 12.5 %\n"));
}

TEST_F(ShowTableTest, LeavesOutWhatIsNotFinite) {
  const double nan = std::nan("");
  status_.mutable_spec()->set_generations(3);
  for (const double fitness : {-2.0, nan, -1.0, nan}) {
    v1::GenerationMetrics& generation = *history_.add_generations();
    generation.set_fitness_mean(fitness);
    generation.mutable_validation()->set_accuracy(nan);
    generation.mutable_validation()->set_fitness(nan);
  }
  status_.mutable_last()->set_fitness_mean(nan);
  status_.mutable_best()->set_accuracy(nan);
  status_.mutable_best()->set_fitness(nan);
  AddCluster("nets", nan, 0);
  EXPECT_THAT(Show(), ContainsRegex("\nfitness  +no finite fitness\n"));
  EXPECT_THAT(Show(), ContainsRegex("\nbest  +no finite fitness at version 0\n"));
  EXPECT_THAT(Show(), ContainsRegex("\nfitness curve .* -2.0000 to -1.0000\n"));
  EXPECT_THAT(Show(), ContainsRegex("\nnets +- "));
  EXPECT_THAT(Show(), Not(HasSubstr("nan")));
  EXPECT_THAT(Show(), Not(HasSubstr("validation curve")));
}

v1::JobStatus RunningAt(double evaluations_per_second, int slots) {
  v1::JobStatus status;
  status.set_job_id("sphere-1");
  status.set_state(v1::RUNNING);
  status.set_evaluations_per_second(evaluations_per_second);
  status.set_eta_seconds(77);
  status.set_slots(slots);
  return status;
}

TEST(JobViewsTest, AJobWithoutSlotsHasNoSpeed) {
  v1::ListJobsResponse jobs;
  *jobs.add_jobs() = RunningAt(1234, 2);
  EXPECT_THAT(ListTable(jobs, absl::UnixEpoch()), HasSubstr(" 1,234 "));
  EXPECT_THAT(ShowTable(jobs.jobs(0), {}), AllOf(HasSubstr("1,234"), HasSubstr("time left")));
  *jobs.mutable_jobs(0) = RunningAt(1234, 0);
  EXPECT_THAT(ListTable(jobs, absl::UnixEpoch()), Not(HasSubstr("1,234")));
  EXPECT_THAT(ShowTable(jobs.jobs(0), {}), AllOf(Not(HasSubstr("1,234")), Not(HasSubstr("time left"))));
}

}  // namespace
}  // namespace seedcast
