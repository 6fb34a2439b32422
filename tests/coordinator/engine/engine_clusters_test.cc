// Jobs over clusters: groups and stealing.
#include <set>

#include "tests/coordinator/engine/cluster_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST_F(ClusterTest, EveryPairOfEveryClusterCountsOnce) {
  Join("a");
  Join("b");
  Add("j", Clusters(3, 2));
  std::set<std::pair<int, int64_t>> leased;
  for (auto& [worker, leases] : leases_) {
    for (const GrantLease& lease : leases) EXPECT_TRUE(leased.insert({lease.cluster, lease.units.first}).second);
  }
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  EXPECT_THAT(closed.outcome.fitness, ElementsAre(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4)) << "(clusters, members)";
  EXPECT_THAT(closed.clusters, SizeIs(3));
  EXPECT_EQ(engine_.stats().evaluations, 12);
}

TEST_F(ClusterTest, ClustersOfOneGroupKeepToTheirWorkers) {
  costs_ = {0.01, 0.01, 0.01, 0.01};
  Join("a");
  Join("b");
  Add("j", Clusters(4, 500));
  RunGeneration();
  for (int g = 0; g < 3; ++g) {
    const CommitGeneration closed = RunGeneration();
    ASSERT_THAT(closed.groups, SizeIs(2));
    for (const auto& group : closed.groups) {
      EXPECT_NEAR(group.predicted_seconds, 10, 0.1);
      EXPECT_NEAR(group.measured_seconds, 10, 0.1);
      EXPECT_EQ(group.workers, 1);
      EXPECT_LT(group.stolen_pairs, 50);
    }
    EXPECT_LT(closed.idle_share, 0.02);
  }
}

TEST_F(ClusterTest, WithoutGroupsThereIsNothingToReport) {
  costs_ = {0.01, 0.02};
  Join("a");
  Join("b");
  Add("j", Clusters(2, 50, /*groups=*/1));
  const CommitGeneration closed = RunGeneration();
  EXPECT_THAT(closed.groups, SizeIs(0));
  EXPECT_NEAR(closed.clusters[1].seconds, 1.0, 1e-6);
}

// Costs 1:9 on two workers: whoever is through with the small cluster helps with the large one, so nobody waits.
TEST_F(ClusterTest, IdleWorkersStealAtTheEnd) {
  costs_ = {0.01, 0.09};
  Join("a");
  Join("b");
  Add("j", Clusters(2, 100));
  RunGeneration();
  const CommitGeneration closed = RunGeneration();
  ASSERT_THAT(closed.groups, SizeIs(2));
  EXPECT_NEAR(closed.seconds, 5.0, 0.3) << "half of 10 s of work";
  EXPECT_GT(closed.groups[closed.clusters[1].group].stolen_pairs, 30);
  EXPECT_LT(closed.idle_share, 0.06);
}

TEST_F(ClusterTest, GroupsFollowCostsThatDrift) {
  costs_ = {0.04, 0.01, 0.01, 0.02};  // {0} and {1, 2, 3}
  Join("a");
  Join("b");
  Add("j", Clusters(4, 100));
  RunGeneration();
  CommitGeneration closed = RunGeneration();
  EXPECT_NE(closed.clusters[0].group, closed.clusters[1].group);
  EXPECT_EQ(closed.clusters[1].group, closed.clusters[3].group);
  costs_ = {0.01, 0.01, 0.04, 0.02};
  for (int g = 0; g < 20; ++g) closed = RunGeneration();
  EXPECT_NE(closed.clusters[2].group, closed.clusters[0].group);
  EXPECT_EQ(closed.clusters[0].group, closed.clusters[1].group);
  EXPECT_NEAR(closed.groups[0].measured_seconds, closed.groups[1].measured_seconds, 0.2);
}

TEST_F(ClusterTest, GroupsFollowWorkersThatComeAndGo) {
  costs_ = {0.01, 0.01, 0.01};
  Join("a");
  Add("j", Clusters(3, 60));
  EXPECT_THAT(RunGeneration().groups, SizeIs(0)) << "one worker, one group";
  Join("b");
  EXPECT_THAT(RunGeneration().groups, SizeIs(2));
  Join("c");
  Join("d");
  EXPECT_THAT(RunGeneration().groups, SizeIs(3)) << "no more groups than clusters";
  Leave("a");
  Leave("b");
  Leave("c");
  EXPECT_THAT(RunGeneration().groups, SizeIs(0));
}

TEST_F(ClusterTest, GroupsCountOnlyWorkersThatMayServe) {
  costs_ = {0.01, 0.01, 0.01};
  for (const char* worker : {"a", "b", "c"}) Join(worker);
  JobPlan plan = Clusters(3, 60);
  plan.max_workers = 2;
  Add("j", plan);
  const CommitGeneration closed = RunGeneration();
  EXPECT_THAT(closed.groups, SizeIs(2));
  EXPECT_THAT(DoneBy("c"), SizeIs(0));
}

TEST_F(ClusterTest, RefusesResultsOfAClusterThatIsNone) {
  Join("w");
  Add("j", Clusters(2, 10));
  v1::LeaseResult result = ResultOf(leases_["w"].at(0));
  for (const int cluster : {2, -1, 1 << 30}) {
    result.mutable_pairs()->set_cluster(cluster);
    Send("w", result);
  }
  EXPECT_EQ(engine_.stats().rejected_results, 3);
  EXPECT_EQ(engine_.stats().evaluations, 0);
}

TEST_F(ClusterTest, FailuresAreCountedByCluster) {
  Join("w", 2);
  Add("j", Clusters(2, 1));
  for (const GrantLease& lease : std::vector<GrantLease>(leases_["w"])) {
    v1::LeaseResult result = ResultOf(lease);
    result.add_failed(0);
    if (lease.cluster == 1) result.set_fitness(1, kNaN);
    result.set_diverged(3 + lease.cluster);
    Send("w", result);
  }
  const CommitGeneration* closed = Find<CommitGeneration>();
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed->failed, 2);
  EXPECT_EQ(closed->clusters[0].not_finite, 0);
  EXPECT_EQ(closed->clusters[1].not_finite, 1);
  EXPECT_EQ(closed->clusters[0].diverged, 3);
  EXPECT_EQ(closed->clusters[1].diverged, 4);
}

TEST_F(ClusterTest, AFailingGenerationsFailuresAreTold) {
  Join("w");
  JobPlan plan = Clusters(1, 2);
  plan.max_failed_evaluations = 1;
  Add("j", plan);
  v1::LeaseResult result = ResultOf(leases_["w"].at(0));
  result.add_failed(0);
  result.add_failed(1);
  Send("w", result);
  ASSERT_NE(Find<FailJob>(), nullptr);
  EXPECT_EQ(Find<FailJob>()->failed_evaluations, 2);
}

}  // namespace
}  // namespace seedcast::engine
