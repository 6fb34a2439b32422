#include "tests/coordinator/engine/engine_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LeaseTest : public EngineTest {};

TEST_F(LeaseTest, GivesEachSlotOneLeaseAndOneBehindIt) {
  Join("w", 3);
  Add("j", 100);
  EXPECT_EQ(InHand("w"), 6u);
}

TEST_F(LeaseTest, OpensTheJobBeforeItsFirstLease) {
  Join("w");
  Add("j", 100);
  ASSERT_THAT(actions_, SizeIs(3));
  EXPECT_TRUE(std::holds_alternative<OpenJob>(actions_[0]));
  EXPECT_TRUE(std::holds_alternative<GrantLease>(actions_[1]));
  EXPECT_TRUE(std::holds_alternative<GrantLease>(actions_[2]));
}

TEST_F(LeaseTest, StartsAnUnknownWorkerWithOnePair) {
  Join("w");
  Add("j", 100);
  EXPECT_EQ(leases_["w"][0].units.count, 1);
}

TEST_F(LeaseTest, SizesLeasesFromTheMeasuredRate) {
  Join("w");
  Add("j", 1000);
  Finish("w", 0.05);  // 50 ms a pair: ten make half a second
  EXPECT_EQ(leases_["w"].back().units.count, 10);
}

TEST_F(LeaseTest, SpreadsASmallGenerationOverAllWorkers) {
  Join("a", 2);
  Join("b", 2);
  Join("c", 2);
  Add("j", 6);
  EXPECT_EQ(InHand("a"), 2u);
  EXPECT_EQ(InHand("b"), 2u);
  EXPECT_EQ(InHand("c"), 2u);
}

TEST_F(LeaseTest, ClosesTheGenerationWhenEveryPairIsIn) {
  Join("w", 2);
  Add("j", 3);
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  EXPECT_EQ(closed.generation, 0);
  EXPECT_THAT(closed.outcome.fitness, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(engine_.stats().evaluations, 6);
}

TEST_F(LeaseTest, WaitsForTheCommitBeforeTheNextGeneration) {
  Join("w");
  Add("j", 1);
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  EXPECT_EQ(InHand("w"), 0u);
  Commit(closed);
  ASSERT_EQ(InHand("w"), 1u);
  EXPECT_EQ(leases_["w"][0].version, 1);
}

TEST_F(LeaseTest, MeasuresTheTimeOfAGeneration) {
  Join("w");
  Add("j", 1);
  now_ += absl::Seconds(4);
  EXPECT_EQ(FinishUntil<CommitGeneration>().seconds, 4);
}

TEST_F(LeaseTest, TakesBackTheLeasesOfASilentWorker) {
  Join("a");
  Add("j", 4);
  Wait(absl::Seconds(31));
  EXPECT_EQ(engine_.stats().expired_leases, 2);
  Join("b", 4);
  EXPECT_EQ(InHand("b"), 4u);
}

TEST_F(LeaseTest, LeasesOfAWorkerThatLeavesOrComesAnewAreLost) {
  Join("a");
  Add("j", 4);
  ASSERT_EQ(InHand("a"), 2u);
  Join("a");
  EXPECT_EQ(engine_.stats().lost_leases, 2);
  ASSERT_EQ(InHand("a"), 2u);
  Leave("a");
  EXPECT_EQ(engine_.stats().lost_leases, 4);
  EXPECT_EQ(engine_.stats().expired_leases, 0);
  Join("b", 4);
  EXPECT_EQ(InHand("b"), 4u);
}

TEST_F(LeaseTest, AWorkerThatSpeaksKeepsItsLeases) {
  Join("w");
  Add("j", 4);
  for (int i = 0; i < 10; ++i) {
    Wait(absl::Seconds(20));
    Do(Heartbeat{"w", {leases_["w"][0].lease_id, leases_["w"][1].lease_id}});
  }
  EXPECT_EQ(engine_.stats().expired_leases, 0);
}

TEST_F(LeaseTest, ALateResultStillCounts) {
  Join("a");
  Add("j", 1);
  const GrantLease lease = leases_["a"][0];
  Wait(absl::Seconds(31));
  Send("a", ResultOf(lease));
  EXPECT_NE(Find<CommitGeneration>(), nullptr);
}

TEST_F(LeaseTest, AResultOfAnEarlierCoordinatorCounts) {
  Join("w");
  Add("j", 4);
  GrantLease lease = leases_["w"][0];
  lease.lease_id = 0;
  lease.units = {2, 2};
  Send("w", ResultOf(lease));
  EXPECT_EQ(engine_.stats().results, 1);
  EXPECT_EQ(engine_.stats().evaluations, 4);
}

TEST_F(LeaseTest, ALeaseThatNeverArrivedGoesBackAfterTwoHeartbeats) {
  Join("w", 1);
  Add("j", 2);
  const std::vector<GrantLease> first = leases_["w"];
  Do(Heartbeat{"w", {first[0].lease_id}});
  EXPECT_EQ(engine_.stats().expired_leases, 0);
  leases_["w"].clear();
  Do(Heartbeat{"w", {first[0].lease_id}});
  EXPECT_EQ(engine_.stats().expired_leases, 1);
  ASSERT_EQ(InHand("w"), 1u);
  EXPECT_EQ(leases_["w"][0].units, first[1].units);
}

TEST_F(LeaseTest, RevokesLeasesThatOnlyTheWorkerKnows) {
  Join("w");
  Do(Heartbeat{"w", {77}});
  ASSERT_NE(Find<RevokeLeases>(), nullptr);
  EXPECT_THAT(Find<RevokeLeases>()->lease_ids, ElementsAre(77));
}

TEST_F(LeaseTest, RepeatsTheOldestLeaseAtTheTail) {
  Join("slow");
  Add("j", 2);
  Join("idle");
  ASSERT_EQ(InHand("idle"), 1u);
  EXPECT_EQ(leases_["idle"][0].units, leases_["slow"][0].units);
  EXPECT_EQ(engine_.stats().repeated_leases, 1);
}

TEST_F(LeaseTest, TheFirstResultWinsAndTheOtherLeaseIsRevoked) {
  Join("slow");
  Add("j", 2);
  Join("idle");
  const int64_t slow_lease = leases_["slow"][0].lease_id;
  const GrantLease late = leases_["slow"][0];
  Finish("idle");
  ASSERT_NE(Find<RevokeLeases>(), nullptr);
  EXPECT_EQ(Find<RevokeLeases>()->worker_id, "slow");
  EXPECT_THAT(Find<RevokeLeases>()->lease_ids, ElementsAre(slow_lease));
  Send("slow", ResultOf(late));
  EXPECT_EQ(engine_.stats().duplicate_results, 1);
  EXPECT_EQ(engine_.stats().evaluations, 2);
}

TEST_F(LeaseTest, TwoHoldersAreEnoughUnlessBothLetUsWait) {
  Join("a");
  Add("j", 1);
  for (const char* worker : {"b", "c", "d", "e"}) Join(worker);
  EXPECT_EQ(InHand("b"), 1u);
  EXPECT_EQ(InHand("c"), 0u);
  Wait(absl::Seconds(2));
  EXPECT_EQ(InHand("c"), 0u);
  Wait(absl::Milliseconds(100));
  EXPECT_EQ(InHand("c"), 1u) << "two hang";
  EXPECT_EQ(InHand("d"), 0u);
  Wait(absl::Seconds(3));
  EXPECT_EQ(InHand("d"), 0u);
  Wait(absl::Milliseconds(1100));
  EXPECT_EQ(InHand("d"), 1u) << "three hang";
  Finish("d");
  ASSERT_NE(Find<CommitGeneration>(), nullptr);
  EXPECT_THAT(All<RevokeLeases>(), SizeIs(3));
}

TEST_F(LeaseTest, PatienceGrowsWithTheWork) {
  Join("a", 1);
  Add("j", 4);
  while (engine_.stats().evaluations < 6) Finish("a", 10.0);  // ten seconds a pair
  Join("b");
  Join("c");
  EXPECT_EQ(InHand("b"), 1u);
  Wait(absl::Seconds(20));
  EXPECT_EQ(InHand("c"), 0u) << "b cannot be through yet";
}

// A late result, while others have done some of its pairs.
TEST_F(LeaseTest, OfAnOverlapOnlyTheNewShareCounts) {
  Join("w");
  Add("j", 8);
  GrantLease lease = leases_["w"][0];
  lease.lease_id = 0;
  for (const UnitRange units : {UnitRange{2, 2}, UnitRange{2, 4}}) {
    lease.units = units;
    v1::LeaseResult result = ResultOf(lease);
    result.set_diverged(static_cast<int32_t>(units.count));
    Send("w", result);
  }
  EXPECT_EQ(engine_.stats().evaluations, 8);
  EXPECT_EQ(engine_.stats().diverged, 4);
}

TEST_F(LeaseTest, CountsDuplicateStaleAndUnknownResults) {
  Join("w");
  Add("j", 2);
  const GrantLease first = Finish("w");
  Send("w", ResultOf(first));
  EXPECT_EQ(engine_.stats().duplicate_results, 1);
  Commit(FinishUntil<CommitGeneration>());
  Send("w", ResultOf(first));
  EXPECT_EQ(engine_.stats().stale_results, 1);
  GrantLease other = first;
  other.job_id = "nobody";
  Send("w", ResultOf(other));
  other.job_id = "j";
  other.version = 9;
  Send("w", ResultOf(other));
  EXPECT_EQ(engine_.stats().unknown_results, 2);
}

TEST_F(LeaseTest, RefusesMalformedResultsAndTakesTheLeaseBack) {
  const struct {
    const char* why;
    void (*spoil)(v1::LeaseResult*);
  } cases[] = {
      {"fitness values, expected", [](v1::LeaseResult* r) { r->mutable_fitness()->RemoveLast(); }},
      {"+ 0, expected a range", [](v1::LeaseResult* r) { r->mutable_pairs()->set_count(0); }},
      {"units 9223372036854775807 +", [](v1::LeaseResult* r) { r->mutable_pairs()->set_first_pair(INT64_MAX); }},
      {"units 100 +", [](v1::LeaseResult* r) { r->mutable_pairs()->set_first_pair(100); }},
      {"units -1 +", [](v1::LeaseResult* r) { r->mutable_pairs()->set_first_pair(-1); }},
      {"1 accuracies, expected 0", [](v1::LeaseResult* r) { r->add_accuracy(1); }},
      {"failed offset 2, expected 0 .. 1", [](v1::LeaseResult* r) { r->add_failed(2); }},
      {"seconds nan, expected 0", [](v1::LeaseResult* r) { r->set_seconds(kNaN); }},
      {"seconds 1e+300", [](v1::LeaseResult* r) { r->set_seconds(1e300); }},
  };
  Join("w");
  Add("j", 100);
  int64_t rejected = 0;
  for (const auto& c : cases) {
    Wait(absl::Minutes(1));
    Join("w");  // a new stream each time
    v1::LeaseResult result = ResultOf(leases_["w"].at(0));
    c.spoil(&result);
    Send("w", result);
    EXPECT_EQ(engine_.stats().rejected_results, ++rejected) << c.why;
    EXPECT_THAT(engine_.Note("j", now_), HasSubstr("waiting: worker w: result refused: ")) << c.why;
    EXPECT_THAT(engine_.Note("j", now_), HasSubstr(c.why));
  }
  EXPECT_EQ(engine_.stats().evaluations, 0);
}

// By its digest it computes other bits, whatever range it names.
TEST_F(LeaseTest, RefusesResultsOfAWorkerThatMayNotServeTheJob) {
  Join("w");
  Add("j", 100);
  Join("other", 1, {{v1::F32, "another digest"}});
  v1::LeaseResult result = ResultOf(leases_["w"].at(0));
  result.set_lease_id(0);
  Send("other", result);
  EXPECT_EQ(engine_.stats().rejected_results, 1);
  EXPECT_EQ(engine_.stats().evaluations, 0);
}

TEST_F(LeaseTest, ALeaseThatFailedIsTriedAgainLater) {
  Join("w");
  Add("j", 2);
  for (int i = 0; i < 2; ++i) {
    const GrantLease lease = leases_["w"][0];
    leases_["w"].erase(leases_["w"].begin());
    Do(LeaseFailed{"w", lease.lease_id, "no data"});
  }
  EXPECT_EQ(InHand("w"), 0u) << "no hot loop";
  EXPECT_EQ(engine_.Note("j", now_), "waiting: worker w: no data");
  Wait(absl::Seconds(3));
  EXPECT_EQ(InHand("w"), 2u);
  EXPECT_EQ(engine_.Note("j", now_), "");
}

TEST_F(LeaseTest, AFailedLeaseGoesToAnotherWorkerAtOnce) {
  Join("a");
  Add("j", 2);
  const GrantLease lease = leases_["a"][0];
  Join("b");
  Finish("b");  // the copy; now both of a's leases are out once
  leases_["a"].clear();
  Do(LeaseFailed{"a", lease.lease_id, "no data"});
  EXPECT_GE(InHand("b"), 1u);
}

TEST_F(LeaseTest, BackoffGrowsWithEveryFailure) {
  Join("w");
  Add("j", 1);
  absl::Duration waited;
  for (int failures = 0; failures < 8; ++failures) {
    const int64_t lease_id = leases_["w"].at(0).lease_id;
    leases_["w"].clear();
    Do(LeaseFailed{"w", lease_id, "no data"});
    waited = absl::ZeroDuration();
    while (InHand("w") == 0) {
      Do(Heartbeat{"w", {}});
      Wait(absl::Seconds(1));
      waited += absl::Seconds(1);
    }
  }
  EXPECT_EQ(waited, absl::Seconds(32));
}

TEST_F(LeaseTest, FailedAndNotFiniteMembersAreKeptApart) {
  Join("w");
  Add("j", 2);
  v1::LeaseResult result = ResultOf(leases_["w"][0]);
  result.add_failed(0);
  result.set_first_error("out of memory");
  Send("w", result);
  result = ResultOf(leases_["w"][0]);
  result.set_fitness(1, std::numeric_limits<float>::infinity());
  Send("w", result);
  const CommitGeneration* closed = Find<CommitGeneration>();
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed->failed, 1);
  EXPECT_EQ(closed->not_finite, 1);
  EXPECT_THAT(closed->outcome.fitness, ElementsAre(testing::IsNan(), 2, 3, testing::IsNan()));
}

TEST_F(LeaseTest, TooManyFailedEvaluationsEndTheJob) {
  Join("w");
  JobPlan plan = Plan(2);
  plan.max_failed_evaluations = 2;
  Add("j", plan);
  v1::LeaseResult result = ResultOf(leases_["w"][0]);
  result.add_failed(0);
  result.add_failed(1);
  result.set_first_error("out of memory");
  Send("w", result);
  EXPECT_EQ(Find<FailJob>(), nullptr) << "as many as allowed";
  result = ResultOf(leases_["w"][0]);
  result.add_failed(1);
  result.set_first_error("out of memory");
  Send("w", result);
  ASSERT_NE(Find<FailJob>(), nullptr);
  EXPECT_EQ(Find<FailJob>()->message, "3 evaluations failed, expected at most 2; last error: out of memory");
  EXPECT_EQ(engine_.FindJob("j")->state, v1::FAILED);
}

TEST_F(LeaseTest, FailuresOfEarlierGenerationsCount) {
  Join("w");
  JobPlan plan = Plan(1);
  plan.max_failed_evaluations = 1;
  Add("j", plan);
  v1::LeaseResult result = ResultOf(leases_["w"][0]);
  result.set_fitness(0, kNaN);
  Send("w", result);
  Commit(*Find<CommitGeneration>());
  result = ResultOf(leases_["w"][0]);
  result.set_fitness(0, kNaN);
  Send("w", result);
  ASSERT_NE(Find<FailJob>(), nullptr);
  EXPECT_EQ(Find<FailJob>()->message,
            "2 evaluations failed, expected at most 1; last error: the fitness was not finite");
}

TEST_F(LeaseTest, StopsLeasingAtShutdown) {
  Join("w");
  Add("j", 10);
  Do(LeasingStopped{});
  EXPECT_NE(Find<DrainWorker>(), nullptr);
  Finish("w");
  EXPECT_EQ(InHand("w"), 1u) << "what is out may finish";
  Join("late");
  EXPECT_NE(Find<DrainWorker>(), nullptr);
  EXPECT_EQ(InHand("late"), 0u);
}

}  // namespace
}  // namespace seedcast::engine
