// Jobs over clusters: groups, stealing, pairs that stay with their inner state, gradients.
#include <algorithm>
#include <set>

#include "tests/coordinator/engine/engine_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ClusterTest : public EngineTest {
 protected:
  static JobPlan Clusters(int clusters, int64_t pairs, int groups = 0) {
    JobPlan plan = Plan(pairs, 1000);
    plan.clusters = clusters;
    plan.cluster_weights.assign(clusters, 1);
    plan.cluster_groups = groups;
    return plan;
  }

  // Runs the open generation in time: a worker of one slot needs costs_[cluster] seconds a pair, times
  // slowness_[worker]. Returns what the engine commits, and commits it.
  CommitGeneration RunGeneration() {
    done_.clear();
    while (true) {
      const std::string next = FirstToFinish();
      if (next.empty()) break;
      const GrantLease lease = leases_[next].front();
      now_ = EndOf(next);
      for (int64_t i = 0; i < lease.units.count; ++i) done_[next].push_back({lease.cluster, lease.units.first + i});
      Send(next, ResultOf(lease, SecondsOf(next)));
      if (const CommitGeneration* closed = Find<CommitGeneration>()) {
        const CommitGeneration copy = *closed;
        Commit(copy);
        return copy;
      }
    }
    ADD_FAILURE() << "the generation does not end";
    return {};
  }
  std::string FirstToFinish() {
    std::string first;
    for (const auto& [worker, leases] : leases_) {
      if (leases.empty()) continue;
      started_.try_emplace(leases.front().lease_id, now_);
      if (first.empty() || EndOf(worker) < EndOf(first)) first = worker;
    }
    return first;
  }
  double SecondsOf(const std::string& worker) {
    const GrantLease& lease = leases_[worker].front();
    return costs_.at(lease.cluster) * static_cast<double>(lease.units.count);
  }
  absl::Time EndOf(const std::string& worker) {
    return started_.at(leases_[worker].front().lease_id) + absl::Seconds(SecondsOf(worker));
  }
  std::set<std::pair<int, int64_t>> DoneBy(const std::string& worker) const {
    const auto done = done_.find(worker);
    if (done == done_.end()) return {};
    return {done->second.begin(), done->second.end()};
  }

  std::map<int64_t, absl::Time> started_;                             // by lease
  std::vector<double> costs_;                                         // by cluster
  std::map<std::string, std::vector<std::pair<int, int64_t>>> done_;  // (cluster, pair) in the last generation
};

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

// ---- Inner state.

class InnerStateTest : public ClusterTest {
 protected:
  // Every pair begins anew every `count` generations, staggered.
  static JobPlan Carrying(int clusters, int64_t pairs, int64_t count) {
    JobPlan plan = Clusters(clusters, pairs);
    plan.begins_anew = [count](int64_t generation, int64_t pair) { return (generation + pair) % count == 0; };
    plan.rebuild_units = static_cast<double>(count - 1) / 2;
    return plan;
  }
  // Pairs that another worker did in the generation before, and that did not begin anew: their state was built again.
  int Rebuilt(const std::string& worker, const std::set<std::pair<int, int64_t>>& before, int64_t generation,
              const JobPlan& plan) {
    int rebuilt = 0;
    for (const auto& unit : DoneBy(worker)) {
      rebuilt += !before.contains(unit) && !plan.begins_anew(generation, unit.second);
    }
    return rebuilt;
  }
};

TEST_F(InnerStateTest, PairsStayWithTheWorkerThatHadThemLast) {
  costs_ = {0.01, 0.01};
  Join("a");
  Join("b");
  const JobPlan plan = Carrying(2, 200, 10);
  Add("j", plan);
  for (int g = 0; g < 5; ++g) RunGeneration();
  for (int64_t g = 5; g < 12; ++g) {
    const auto a = DoneBy("a"), b = DoneBy("b");
    const CommitGeneration closed = RunGeneration();
    EXPECT_LE(Rebuilt("a", a, g, plan) + Rebuilt("b", b, g, plan), 4) << "of 400 pairs, generation " << g;
    EXPECT_LT(closed.idle_share, 0.06);
  }
}

TEST_F(InnerStateTest, ANewWorkerGetsItsShare) {
  costs_ = {0.01};
  Join("a");
  Add("j", Carrying(1, 200, 10));
  RunGeneration();
  Join("b");
  CommitGeneration closed;
  for (int g = 0; g < 12; ++g) closed = RunGeneration();
  EXPECT_GT(DoneBy("b").size(), 80u);
  EXPECT_LT(closed.idle_share, 0.1);
}

TEST_F(InnerStateTest, PairsOfAWorkerThatIsGoneAreDoneByOthers) {
  costs_ = {0.01};
  Join("a");
  Join("b");
  Add("j", Carrying(1, 50, 1000));
  RunGeneration();
  Leave("a");
  RunGeneration();
  EXPECT_THAT(DoneBy("b"), SizeIs(50));
}

// Rebuilding would take longer than the other needs to come to them. What the other has in hand may be repeated.
TEST_F(InnerStateTest, WhatIsSoonerDoneAtHomeStaysThere) {
  costs_ = {0.01};
  Join("a");
  Join("b");
  Add("j", Carrying(1, 40, 1000));
  RunGeneration();
  const auto at_home = DoneBy("b");
  ASSERT_LT(at_home.size(), 30u);
  for (int i = 0; i < 100 && InHand("b") > 0 && Find<CommitGeneration>() == nullptr; ++i) {
    const UnitRange units = leases_["b"].front().units;
    const auto in_hand_of_a = [&] {
      return std::any_of(leases_["a"].begin(), leases_["a"].end(),
                         [&](const GrantLease& lease) { return lease.units == units; });
    };
    EXPECT_TRUE(at_home.contains({0, units.first}) || in_hand_of_a()) << "pair " << units.first;
    Finish("b", 0.01);
  }
}

// A worker that was silent keeps what it has; it is the same one when it comes back under its name.
TEST_F(InnerStateTest, AWorkerThatReconnectsIsAtHomeAgain) {
  costs_ = {0.01};
  Join("a");
  Join("b");
  const JobPlan plan = Carrying(1, 100, 1000);
  Add("j", plan);
  RunGeneration();
  const auto before = DoneBy("a");
  Join("a");
  RunGeneration();
  EXPECT_LE(Rebuilt("a", before, 1, plan), 2);
}

TEST_F(InnerStateTest, APairThatBeginsAnewIsAnybodys) {
  Join("a");
  JobPlan plan = Carrying(1, 8, 1000);
  plan.begins_anew = [](int64_t, int64_t pair) { return pair == 5; };
  Add("j", plan);
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  Join("b");
  Commit(closed);
  ASSERT_GE(InHand("b"), 1u);
  EXPECT_EQ(leases_["b"][0].units, (UnitRange{5, 1}));
}

// The other has the pairs' state and hangs: what it has in hand is repeated, whatever it is given next.
TEST_F(InnerStateTest, AWorkerThatHangsHoldsNobodyUp) {
  costs_ = {0.01};
  Join("a");
  Join("b");
  Add("j", Carrying(1, 8, 1000));
  RunGeneration();
  for (int i = 0; i < 200 && Find<CommitGeneration>() == nullptr; ++i) {
    while (InHand("b") > 0 && Find<CommitGeneration>() == nullptr) Finish("b", 0.01);
    if (Find<CommitGeneration>() == nullptr) Wait(absl::Milliseconds(100));
  }
  EXPECT_NE(Find<CommitGeneration>(), nullptr);
  EXPECT_EQ(engine_.stats().expired_leases, 0);
}

TEST_F(InnerStateTest, AWorkerThatIsLongAtAnotherJobHoldsNobodyUp) {
  Join("a", 1, {{v1::F32, "f"}}, {"sphere", "influence"});
  Join("b");
  Add("j", Carrying(1, 4, 100));
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  JobPlan other = Plan(100);
  other.task = "influence";
  Add("other", other);
  ASSERT_EQ(InHand("a"), 2u) << "both of the other job, which b cannot serve";
  Commit(closed);
  while (InHand("b") > 0) Finish("b", 0.01);
  EXPECT_EQ(Find<CommitGeneration>(), nullptr) << "what a has the state of waits for it";
  for (int i = 0; i < 20 && Find<CommitGeneration>() == nullptr; ++i) {
    Wait(absl::Seconds(1));
    while (InHand("b") > 0) Finish("b", 0.01);
  }
  EXPECT_NE(Find<CommitGeneration>(), nullptr) << "but not for ever";
}

// ---- Gradients.

class GradientTest : public ClusterTest {
 protected:
  static JobPlan Gradients(int clusters, int64_t pairs, int64_t size) {
    JobPlan plan = Clusters(clusters, pairs);
    plan.gradient_size = size;
    for (int c = 0; c < clusters; ++c) plan.cluster_weights[c] = c + 1;
    return plan;
  }
  static float Element(int cluster, int64_t pair, int64_t i) { return TellingElement(pair, cluster + i); }
  static v1::LeaseResult GradientOf(const GrantLease& lease, int64_t size) {
    v1::LeaseResult result = ResultOf(lease);
    for (int64_t p = 0; p < lease.units.count; ++p) {
      for (int64_t i = 0; i < size; ++i) result.add_gradient(Element(lease.cluster, lease.units.first + p, i));
    }
    return result;
  }
  // Leases are answered in an order drawn from `seed`.
  CommitGeneration RunShuffled(uint32_t seed, int64_t size) {
    for (int i = 0; i < 1000; ++i) {
      std::vector<std::pair<std::string, GrantLease>> out;
      for (auto& [worker, leases] : leases_) {
        for (const GrantLease& lease : leases) out.push_back({worker, lease});
      }
      if (out.empty()) break;
      seed = seed * 1664525 + 1013904223;
      const auto& [worker, lease] = out[(seed >> 8) % out.size()];
      Send(worker, GradientOf(lease, size));
      if (const CommitGeneration* closed = Find<CommitGeneration>()) return *closed;
    }
    ADD_FAILURE() << "the generation does not end";
    return {};
  }
};

TEST_F(GradientTest, TheBitsDoNotDependOnTheOrderOfArrival) {
  const int64_t kSize = 5;
  for (const char* worker : {"a", "b", "c"}) Join(worker, 3);
  Add("j", Gradients(3, 16, kSize));
  std::vector<double> expected(kSize);
  for (int c = 0; c < 3; ++c) {
    for (int64_t i = 0; i < kSize; ++i) {
      double sum = 0;
      for (int64_t p = 0; p < 16; ++p) sum += double{Element(c, p, i)};
      expected[i] += (c + 1) * (sum / 16);
    }
  }
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const CommitGeneration closed = RunShuffled(seed, kSize);
    ASSERT_THAT(closed.outcome.gradient, SizeIs(kSize));
    for (int64_t i = 0; i < kSize; ++i) {
      ASSERT_EQ(closed.outcome.gradient[i], static_cast<float>(expected[i] / 6)) << "seed " << seed;
    }
    Commit(closed);
  }
}

TEST_F(GradientTest, RefusesGradientsOfAnotherSize) {
  const struct {
    const char* why;
    void (*spoil)(v1::LeaseResult*);
  } cases[] = {
      {"none", [](v1::LeaseResult* r) { r->clear_gradient(); }},
      {"one value too few", [](v1::LeaseResult* r) { r->mutable_gradient()->RemoveLast(); }},
      {"one value too many", [](v1::LeaseResult* r) { r->add_gradient(0); }},
      {"less than nothing diverged", [](v1::LeaseResult* r) { r->set_diverged(-1); }},
  };
  Add("j", Gradients(1, 100, 4));
  int64_t rejected = 0;
  for (const auto& c : cases) {
    Wait(absl::Minutes(1));
    Join("w");
    v1::LeaseResult result = GradientOf(leases_["w"].at(0), 4);
    c.spoil(&result);
    Send("w", result);
    EXPECT_EQ(engine_.stats().rejected_results, ++rejected) << c.why;
  }
  EXPECT_EQ(engine_.stats().evaluations, 0);
}

TEST_F(GradientTest, ThereAreNoneWhereNoneAreAskedFor) {
  Join("w");
  Add("j", Clusters(1, 10));
  Send("w", GradientOf(leases_["w"].at(0), 4));
  EXPECT_EQ(engine_.stats().rejected_results, 1);
}

TEST_F(GradientTest, PairsWithoutAFiniteGradientAreLeftOutAndCounted) {
  Join("w", 2);
  Add("j", Gradients(1, 4, 1));
  const float gradients[] = {1, std::numeric_limits<float>::infinity(), 3, 5};
  const CommitGeneration* closed = nullptr;
  while (closed == nullptr) {
    ASSERT_GT(InHand("w"), 0u);
    v1::LeaseResult result = ResultOf(leases_["w"][0]);
    for (int64_t p = 0; p < leases_["w"][0].units.count; ++p) {
      result.add_gradient(gradients[leases_["w"][0].units.first + p]);
    }
    if (leases_["w"][0].units.first == 3) result.add_failed(1);
    Send("w", result);
    closed = Find<CommitGeneration>();
  }
  EXPECT_THAT(closed->outcome.gradient, ElementsAre(2));
  EXPECT_EQ(closed->not_finite, 2) << "both members of pair 1";
  EXPECT_EQ(closed->failed, 1);
  EXPECT_TRUE(std::isnan(closed->outcome.fitness[2]));
}

TEST_F(GradientTest, LeasesAreSmallEnoughForTheirResults) {
  const int64_t kSize = 100'000;
  Join("w");
  Add("j", Gradients(1, 1000, kSize));
  for (int i = 0; i < 10; ++i) {
    v1::LeaseResult result = GradientOf(leases_["w"].at(0), kSize);
    result.set_seconds(1e-5);
    Send("w", result);
  }
  EXPECT_EQ(leases_["w"].back().units.count, 2) << "1 MiB has room for 2.6 gradients";
}

}  // namespace
}  // namespace seedcast::engine
