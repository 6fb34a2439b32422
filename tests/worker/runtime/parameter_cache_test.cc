// How a worker comes to the parameters that its leases need.
#include "worker/runtime/parameter_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strategy/estimator.h"
#include "tests/worker/runtime/core_harness.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// With its task made and at version 0.
CoreHarness AtVersion0(int slots = 2, v1::JobSpec spec = SmallJob()) {
  CoreHarness w(slots, std::move(spec));
  w.Online();
  w.Lease(1000, 0);
  w.Work();
  w.FinishSlot(0);
  w.sent.clear();
  return w;
}

TEST(ParameterCacheTest, AdvancesWhenAGenerationClosesBeforeAnyLeaseAsks) {
  CoreHarness w = AtVersion0();
  w.CloseGeneration(0);
  ASSERT_TRUE(w.build.has_value());
  EXPECT_THAT(w.build->outcomes, SizeIs(1));
  w.Work();
  w.Lease(1, 1);
  EXPECT_THAT(w.Running(), ElementsAre(1));
  EXPECT_EQ(w.core().stats().replayed_generations(), 1);
}

TEST(ParameterCacheTest, ReplaysGenerationsThatClosedDuringABuildInOneGo) {
  CoreHarness w = AtVersion0();
  for (int g = 0; g < 4; ++g) w.CloseGeneration(g);
  ASSERT_TRUE(w.build.has_value());
  w.Give(RunBuildState(*std::exchange(w.build, {})));
  ASSERT_TRUE(w.build.has_value());
  EXPECT_THAT(w.build->outcomes, SizeIs(3));
}

TEST(ParameterCacheTest, ChangesAStateInPlaceOnlyWhenNoSlotReadsIt) {
  CoreHarness w = AtVersion0(/*slots=*/2);
  w.Lease(w.EpisodeLease(1, 0));  // runs on, whatever closes
  w.CloseGeneration(0);
  ASSERT_TRUE(w.build.has_value());
  EXPECT_FALSE(w.build->in_place);
  EXPECT_EQ(w.build->threads, 1);
  w.Work();
  w.FinishSlot(0);
  w.CloseGeneration(1);
  ASSERT_TRUE(w.build.has_value());
  EXPECT_TRUE(w.build->in_place);
  EXPECT_EQ(w.build->threads, 2);
}

TEST(ParameterCacheTest, KeepsAVersionThatAQueuedLeaseNeeds) {
  CoreHarness w = AtVersion0(/*slots=*/1);
  w.Lease(w.EpisodeLease(1, 0));
  w.Lease(w.EpisodeLease(2, 0));
  w.CloseGeneration(0);
  EXPECT_FALSE(w.build.has_value());
  w.FinishSlot(0);
  EXPECT_THAT(w.Running(), ElementsAre(2));
  EXPECT_TRUE(w.build.has_value());
}

TEST(ParameterCacheTest, EstimatesFirstWhetherToReplayOrToFetchASnapshot) {
  struct Case {
    int64_t population_size, version;
    bool snapshot;
  };
  // 3 parameters: a generation of 2^20 members is guessed at 1.6 ms, a snapshot at 20 ms.
  for (const Case& c : {Case{4, 900, false}, Case{1 << 20, 10, false}, Case{1 << 20, 20, true}}) {
    SCOPED_TRACE(c.version);
    CoreHarness w(1, SmallJob(c.population_size));
    w.Online();
    v1::Lease lease = w.PairLease(1, 0);
    lease.set_version(c.version);
    w.Lease(lease);
    w.Work();
    EXPECT_EQ(w.snapshot.has_value(), c.snapshot);
    EXPECT_EQ(w.log.has_value(), !c.snapshot);
  }
}

TEST(ParameterCacheTest, ThenGoesByWhatItMeasured) {
  CoreHarness w = AtVersion0();
  w.Lease(1, 2);
  ASSERT_TRUE(w.log.has_value());
  w.AnswerLog();
  w.now += absl::Seconds(2);  // a second a generation
  w.Work();
  w.Lease(2, 4);
  ASSERT_TRUE(w.snapshot.has_value());
  w.now += absl::Seconds(10);
  w.AnswerSnapshot(4);
  w.Work();
  EXPECT_DOUBLE_EQ(w.core().stats().replay_seconds_per_generation(), 1);
  EXPECT_DOUBLE_EQ(w.core().stats().snapshot_seconds(), 10);
  w.Lease(3, 13);
  EXPECT_TRUE(w.log.has_value()) << "9 s of replay against 10 s for a snapshot";
  w.AnswerLog();
  w.now += absl::Seconds(9);
  w.Work();
  w.Lease(4, 24);
  EXPECT_TRUE(w.snapshot.has_value()) << "11 s of replay against 10 s for a snapshot";
}

TEST(ParameterCacheTest, ReplaysTheLogOnTopOfAnOlderSnapshot) {
  CoreHarness w(1, SmallJob(1 << 14));
  w.Online();
  w.Lease(1, 900);
  w.Work();
  ASSERT_TRUE(w.snapshot.has_value());
  EXPECT_EQ(w.snapshot->at_or_below, 900);
  w.AnswerSnapshot(898);
  w.Work();
  ASSERT_TRUE(w.log.has_value());
  EXPECT_EQ(w.log->from, 898);
  EXPECT_EQ(w.log->to, 900);
  w.AnswerLog();
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(ParameterCacheTest, FetchesOnlyTheGenerationsThatItHasNotHeardOf) {
  CoreHarness w = AtVersion0();
  w.CloseGeneration(2);  // 0 and 1 were closed while it was away
  w.Lease(1, 3);
  ASSERT_TRUE(w.log.has_value());
  EXPECT_EQ(w.log->from, 0);
  EXPECT_EQ(w.log->to, 2);
  w.AnswerLog();
  w.Work();
  EXPECT_FALSE(w.log.has_value());
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(ParameterCacheTest, TakesALogThatComesInParts) {
  CoreHarness w = AtVersion0();
  w.Lease(1, 4);
  w.AnswerLog(w.history.Log(0, 3));
  w.Work();
  ASSERT_TRUE(w.log.has_value());
  EXPECT_EQ(w.log->from, 3);
  w.AnswerLog();
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(ParameterCacheTest, TakesTheOtherWayWhenOneFails) {
  CoreHarness w = AtVersion0();
  w.Lease(1, 2);
  w.AnswerLog(absl::NotFoundError("the log begins at version 2"));  // a forked job's
  ASSERT_TRUE(w.snapshot.has_value());
  w.AnswerSnapshot(2);
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(ParameterCacheTest, HandsTheLeaseBackWhenBothWaysFail) {
  CoreHarness w = AtVersion0();
  w.Lease(1, 2);
  w.AnswerLog(absl::UnavailableError("no log"));
  w.AnswerSnapshot(absl::UnavailableError("no snapshot"));
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_EQ(w.sent[0].lease_failed().error(), "no snapshot");
  w.Lease(2, 0);
  EXPECT_THAT(w.Running(), ElementsAre(2)) << "version 0 is still here";
}

TEST(ParameterCacheTest, DamagedAnswersAreNotBelieved) {
  const std::pair<const char*, std::string> cases[] = {
      {"empty", ""},
      {"no state", "nonsense"},
      {"a newer version", SerializeState(History(SmallJob()).at(3))},
      {"another job's size",
       SerializeState(State{.version = 2, .theta = {1, 2}, .first_moment = {}, .second_moment = {}})},
  };
  for (const auto& [name, bytes] : cases) {
    SCOPED_TRACE(name);
    CoreHarness w = AtVersion0();
    w.Lease(1, 2);
    w.AnswerLog(absl::UnavailableError("no log"));
    w.AnswerSnapshot(bytes);
    w.Work();
    ASSERT_THAT(w.sent, SizeIs(1));
    EXPECT_TRUE(w.sent[0].has_lease_failed());
  }
}

TEST(ParameterCacheTest, AWrongDigestIsMendedByASnapshot) {
  CoreHarness w = AtVersion0();
  v1::GenerationClosed wrong;
  v1::CoordinatorMessage message;
  message.mutable_generation_closed()->set_job_id("job-1");
  for (const float f : {4, 3, 9, 1}) message.mutable_generation_closed()->add_fitness(f);
  w.Receive(message);
  w.Work();
  w.Lease(1, 1);
  EXPECT_THAT(w.Running(), IsEmpty());
  ASSERT_TRUE(w.snapshot.has_value());
  w.AnswerSnapshot(1);
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(ParameterCacheTest, AWrongDigestAlsoInTheSnapshotFailsTheLeaseWithBothDigests) {
  CoreHarness w = AtVersion0();
  v1::Lease lease = w.PairLease(1, 0);
  lease.set_digest("feed");
  w.Lease(lease);
  ASSERT_TRUE(w.snapshot.has_value());
  w.AnswerSnapshot(0);
  w.Work();
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr(w.history.digest(0)));
  EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr("feed"));
  w.Lease(lease);
  EXPECT_FALSE(w.snapshot.has_value()) << "once is enough";
  EXPECT_THAT(w.sent, SizeIs(2));
}

TEST(ParameterCacheTest, AnOldVersionIsBuiltBesideTheNewest) {
  CoreHarness w = AtVersion0();
  for (int g = 0; g < 3; ++g) {
    w.CloseGeneration(g);
    w.Work();
  }
  w.Lease(w.EpisodeLease(1, 1));
  ASSERT_TRUE(w.log.has_value());
  w.Lease(2, 3);
  EXPECT_THAT(w.Running(), ElementsAre(2)) << "training goes on meanwhile";
  w.AnswerLog();
  w.Work();
  EXPECT_THAT(w.running, SizeIs(2));
  w.FinishSlot(1);
  w.Lease(w.EpisodeLease(3, 1));
  EXPECT_THAT(w.Running(), ElementsAre(2, 3)) << "both versions are still here";
}

TEST(ParameterCacheTest, TheLeastRecentlyBuiltOldVersionMakesRoom) {
  CoreHarness w = AtVersion0(/*slots=*/8);
  for (int g = 0; g < 5; ++g) {
    w.CloseGeneration(g);
    w.Work();
  }
  for (int version = 1; version <= 3; ++version) {
    w.Lease(w.EpisodeLease(version, version));
    w.AnswerLog();
    w.Work();
  }
  w.Lease(w.EpisodeLease(12, 2));
  EXPECT_FALSE(w.log.has_value());
  w.Lease(w.EpisodeLease(11, 1));
  EXPECT_TRUE(w.log.has_value());
}

// ---- Jobs with carried state: two pairs, whose inner trainings have six unrolls each.

v1::JobSpec CarriedJob(int count = 6) {
  v1::JobSpec spec;
  spec.mutable_influence()->mutable_unroll()->set_count(count);
  spec.mutable_strategy()->set_estimator(v1::Strategy::PES);
  spec.mutable_strategy()->set_population_size(4);
  spec.set_generations(2000);
  return *Resolve(spec);
}

// Every theta since the oldest reset, and nothing but these.
void ExpectHistoryOf(CoreHarness& w, int slot) {
  const LeaseWork& work = w.running.at(slot);
  ASSERT_NE(work.history, nullptr);
  EXPECT_EQ(work.history->first, OldestReset(w.spec, work.lease.version()));
  ASSERT_EQ(work.history->end(), work.lease.version());
  for (int64_t v = work.history->first; v < work.history->end(); ++v) {
    EXPECT_THAT(work.history->at(v), testing::ElementsAreArray(w.history.at(v).theta)) << "version " << v;
  }
}

TEST(ParameterCacheHistoryTest, ComesWithEveryLeaseOfPairs) {
  CoreHarness w = AtVersion0(1, CarriedJob());
  for (int g = 0; g < 20; ++g) {
    w.Lease(g + 1, g);
    ASSERT_THAT(w.Running(), ElementsAre(g + 1));
    ExpectHistoryOf(w, 0);
    w.FinishSlot(0);
    w.CloseGeneration(g);
    w.Work();
  }
}

TEST(ParameterCacheHistoryTest, SurvivesAReplayOfManyGenerationsInParts) {
  CoreHarness w = AtVersion0(1, CarriedJob());
  w.Lease(1, 40);
  w.AnswerLog(w.history.Log(0, 37));
  w.Work();
  w.AnswerLog(w.history.Log(37, 38));
  w.Work();
  w.AnswerLog();
  w.Work();
  ASSERT_THAT(w.Running(), ElementsAre(1));
  ExpectHistoryOf(w, 0);
}

TEST(ParameterCacheHistoryTest, AFreshWorkerTakesNoSnapshotThatJumpsOverIt) {
  CoreHarness w(1, CarriedJob());
  w.Online();
  w.Lease(1, 40);
  w.Work();
  ASSERT_TRUE(w.log.has_value());
  w.AnswerLog(absl::UnavailableError("no log"));
  ASSERT_TRUE(w.snapshot.has_value());
  EXPECT_EQ(w.snapshot->at_or_below, OldestReset(w.spec, 40));
  w.AnswerSnapshot(30);
  w.Work();
  ASSERT_TRUE(w.log.has_value());
  EXPECT_EQ(w.log->from, 30);
  w.AnswerLog();
  w.Work();
  ASSERT_THAT(w.Running(), ElementsAre(1));
  ExpectHistoryOf(w, 0);
}

TEST(ParameterCacheHistoryTest, ASnapshotAboveWhatWasAskedForIsNotBelieved) {
  CoreHarness w(1, CarriedJob());
  w.Online();
  w.Lease(1, 40);
  w.Work();
  w.AnswerLog(absl::UnavailableError("no log"));
  w.AnswerSnapshot(39);
  w.Work();
  EXPECT_THAT(w.Running(), IsEmpty());
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr("got version 39"));
}

TEST(ParameterCacheHistoryTest, IsThereAgainAfterAWrongDigestWasMended) {
  CoreHarness w = AtVersion0(1, CarriedJob());
  v1::CoordinatorMessage wrong;
  wrong.mutable_generation_closed()->set_job_id("job-1");
  for (const float f : {4, 3, 9, 1}) wrong.mutable_generation_closed()->add_fitness(f);
  w.Receive(wrong);
  w.Work();
  w.Lease(1, 1);
  ASSERT_TRUE(w.snapshot.has_value());
  w.AnswerSnapshot(0);
  w.Work();
  w.AnswerLog();
  w.Work();
  ASSERT_THAT(w.Running(), ElementsAre(1));
  ExpectHistoryOf(w, 0);
}

TEST(ParameterCacheHistoryTest, PairsOfAnOldVersionAreHandedBack) {
  CoreHarness w = AtVersion0(2, CarriedJob());
  for (int g = 0; g < 3; ++g) {
    w.CloseGeneration(g);
    w.Work();
  }
  w.Lease(w.EpisodeLease(1, 1));
  w.AnswerLog();
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1)) << "an evaluation needs no history";
  w.Lease(2, 1);
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr("is closed"));
}

class HugeTask final : public Task {
 public:
  int64_t num_parameters() const override { return int64_t{1} << 22; }
  std::vector<float> InitialTheta() const override { return {}; }
  std::unique_ptr<Evaluator> NewEvaluator() const override { return nullptr; }
  absl::Status CheckEvaluation(const v1::EvaluationSpec&) const override { return absl::OkStatus(); }
  std::string Description() const override { return "huge"; }
};

TEST(ParameterCacheHistoryTest, OfMoreThanOneGibibyteFailsTheLeasesAndSaysSo) {
  CoreHarness w(1, CarriedJob(/*count=*/1000));
  w.Online();
  for (const int id : {1, 2}) {
    v1::Lease lease = w.PairLease(id, 0);
    lease.set_version(65);  // thetas of 16 MiB
    w.Lease(lease);
  }
  w.Give(event::TaskMade{w.make->id, std::make_shared<HugeTask>()});
  EXPECT_FALSE(w.log.has_value() || w.snapshot.has_value());
  ASSERT_THAT(w.sent, SizeIs(2));
  for (const v1::WorkerMessage& message : w.sent) {
    EXPECT_THAT(message.lease_failed().error(), HasSubstr("65 versions of 4194304 parameters"));
  }
  EXPECT_NE(w.sent[0].lease_failed().lease_id(), w.sent[1].lease_failed().lease_id());
}

}  // namespace
}  // namespace seedcast
