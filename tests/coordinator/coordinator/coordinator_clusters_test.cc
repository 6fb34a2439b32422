// Jobs over clusters, and jobs whose workers return gradients.
#include <limits>

#include "tests/coordinator/coordinator/coordinator_fixture.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CoordinatorClustersTest : public CoordinatorTest {
 protected:
  static v1::JobSpec OverClusters() {
    v1::JobSpec spec = Spec(6, 0);
    v1::LearnedOptimizerTask* task = spec.mutable_learned_optimizer();
    for (const char* name : {"bowls", "quadratics", "functions"}) {
      v1::LearnedOptimizerTask::Cluster* cluster = task->add_clusters();
      cluster->set_name(name);
      cluster->add_problems("quadratic(2)");
    }
    return spec;
  }
  // Influence balancing has one parameter, and so its gradient one element.
  static v1::JobSpec WithGradients() {
    v1::JobSpec spec = Spec(6, 0);
    spec.mutable_influence();
    spec.mutable_strategy()->set_estimator(v1::Strategy::GRADIENT);
    return spec;
  }
  std::vector<v1::GenerationRecord> LogOf(const std::string& job_id) {
    return *store_.ReadLog(job_id, 0, std::numeric_limits<int64_t>::max(), 1000);
  }
};

TEST_F(CoordinatorClustersTest, ARecordHoldsEveryClustersFitnessAndMetrics) {
  const std::string job = Submit(OverClusters());
  Join("w");
  RunTo(job, 1);
  const v1::GenerationRecord record = LogOf(job).at(0);
  ASSERT_EQ(record.fitness_size(), 3 * 8);
  for (int i = 0; i < record.fitness_size(); ++i) {
    EXPECT_EQ(record.fitness(i), FitnessOf(0, i % 8) + static_cast<float>(100 * (i / 8)));
  }
  ASSERT_EQ(record.metrics().clusters_size(), 3);
  const v1::ClusterMetrics& cluster = record.metrics().clusters(1);
  EXPECT_EQ(cluster.name(), "quadratics");
  EXPECT_NEAR(cluster.seconds(), 0.4, 1e-9) << "four results of one pair";
  EXPECT_NEAR(cluster.fitness_mean(), record.metrics().clusters(0).fitness_mean() + 100, 1e-6);
  EXPECT_EQ(record.metrics().groups_size(), 0) << "one worker, one group";
}

TEST_F(CoordinatorClustersTest, ReportsGroupsWhereThereAreWorkersForThem) {
  const std::string job = Submit(OverClusters());
  Join("a");
  Join("b");
  RunUntilIdle();
  const v1::GenerationMetrics last = StatusOf(job).last();
  ASSERT_EQ(last.groups_size(), 2);
  EXPECT_EQ(last.groups(0).workers() + last.groups(1).workers(), 2);
  EXPECT_EQ(last.groups(0).slots() + last.groups(1).slots(), 4) << "two a worker";
  EXPECT_GT(last.groups(0).predicted_seconds(), 0);
  EXPECT_GT(last.groups(0).measured_seconds(), 0);
  EXPECT_GT(last.groups(0).finished_seconds(), 0);
  EXPECT_GE(last.idle_share(), 0);
  EXPECT_LE(last.idle_share(), 1);
}

TEST_F(CoordinatorClustersTest, EvaluationsAreThoseOfAllClusters) {
  const std::string job = Submit(OverClusters());
  Join("w");
  RunTo(job, 1);
  const v1::JobStatus status = StatusOf(job);
  EXPECT_NEAR(status.evaluations_per_second(), 24 / status.last().seconds(), 1e-6);
}

TEST_F(CoordinatorClustersTest, ARestartGoesOnToTheSameBits) {
  for (const v1::JobSpec& spec : {WithGradients(), OverClusters()}) {
    gradient_size_ = spec.has_influence() ? 1 : 0;
    const std::string straight = Submit(spec);
    Join("w");
    RunUntilIdle();
    const std::string broken = Submit(spec);
    for (int restart = 0; restart < 8; ++restart) {
      for (int i = 0; i < 5; ++i) Step();
      Start();
      Join("w");
    }
    RunUntilIdle();
    EXPECT_EQ(StatusOf(broken).state(), v1::SUCCEEDED) << StatusOf(broken).message();
    EXPECT_EQ(StatusOf(broken).digest(), StatusOf(straight).digest());
  }
}

TEST_F(CoordinatorClustersTest, TheMeanGradientIsInTheRecordAndGoesToTheWorkers) {
  gradient_size_ = 1;
  std::vector<float> told;
  on_send_ = [&](const v1::CoordinatorMessage& message) {
    if (message.has_generation_closed()) told.push_back(message.generation_closed().gradient(0));
  };
  const std::string job = Submit(WithGradients());
  Join("w");
  RunTo(job, 1);
  float sum = 0;
  for (int64_t pair = 0; pair < 4; ++pair) sum += FitnessOf(0, pair);
  EXPECT_THAT(LogOf(job).at(0).gradient(), ElementsAre(sum / 4));
  EXPECT_THAT(told, ElementsAre(sum / 4));
}

TEST_F(CoordinatorClustersTest, RefusesAnEstimatorThatTheTaskLacks) {
  v1::JobSpec spec = Spec();
  spec.mutable_strategy()->set_estimator(v1::Strategy::GRADIENT);
  const absl::Status status = TrySubmit(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("strategy.estimator: GRADIENT, expected"));
}

}  // namespace
}  // namespace seedcast
