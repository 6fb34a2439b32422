// Pairs that stay with the worker that has their inner state.
#include <algorithm>
#include <set>

#include "tests/coordinator/engine/cluster_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::SizeIs;

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

}  // namespace
}  // namespace seedcast::engine
