#include "worker/runtime/worker_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/worker/runtime/core_harness.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- Leases.

TEST(WorkerCoreLeaseTest, RunsOnceTaskAndParametersAreHere) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  EXPECT_THAT(w.Running(), IsEmpty());
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(WorkerCoreLeaseTest, QueuesBehindBusySlotsAndStartsWhenOneIsFree) {
  CoreHarness w(/*slots=*/2);
  w.Online();
  for (int id = 1; id <= 4; ++id) w.Lease(id, 0);
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1, 2));
  w.FinishSlot(1);
  EXPECT_THAT(w.Running(), ElementsAre(1, 3));
}

TEST(WorkerCoreLeaseTest, ResultCarriesTheLease) {
  CoreHarness w;
  w.Online();
  w.Lease(7, 0);
  w.Work();
  w.FinishSlot(0);
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_EQ(w.sent[0].result().lease_id(), 7);
}

TEST(WorkerCoreLeaseTest, ALeaseThatArrivesTwiceRunsOnce) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Lease(1, 0);
  w.Work();
  w.Lease(1, 0);
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(WorkerCoreLeaseTest, RevokedWhileQueuedNeverRuns) {
  CoreHarness w(/*slots=*/1);
  w.Online();
  w.Lease(1, 0);
  w.Lease(2, 0);
  w.Work();
  w.Revoke(2);
  w.FinishSlot(0);
  EXPECT_THAT(w.Running(), IsEmpty());
  EXPECT_THAT(w.sent, SizeIs(1));  // the first one's result
}

TEST(WorkerCoreLeaseTest, RevokedWhileRunningIsCancelledAndNotAnswered) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.Revoke(1);
  EXPECT_THAT(w.cancelled, ElementsAre(0));
  w.FinishSlot(0);  // it came to its end all the same
  EXPECT_THAT(w.sent, IsEmpty());
  w.Lease(2, 0);
  EXPECT_THAT(w.Running(), ElementsAre(2));
}

TEST(WorkerCoreLeaseTest, AClosedGenerationRevokesItsPairs) {
  CoreHarness w(/*slots=*/1);
  w.Online();
  w.Lease(1, 0);
  w.Lease(2, 0);
  w.Work();
  w.CloseGeneration(0);
  EXPECT_THAT(w.cancelled, ElementsAre(0));
  w.FinishSlot(0);
  EXPECT_THAT(w.Running(), IsEmpty());
}

TEST(WorkerCoreLeaseTest, ClosedJobIsForgotten) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.CloseJob();
  EXPECT_THAT(w.cancelled, ElementsAre(0));
  w.FinishSlot(0);
  w.Lease(2, 0);
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr("not opened"));
}

TEST(WorkerCoreLeaseTest, AnswersForAClosedJobAreIgnored) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  const auto make = *w.make;
  w.CloseJob();
  w.OpenJob();
  w.Give(event::TaskMade{make.id, TaskOf(w.spec)});
  EXPECT_FALSE(w.build.has_value());
}

TEST(WorkerCoreLeaseTest, MalformedLeasesAreHandedBack) {
  struct Case {
    const char* name;
    void (*damage)(v1::Lease*);
    const char* error;
  };
  const Case cases[] = {
      {"no unit", [](v1::Lease* l) { l->clear_unit(); }, "neither pairs nor episodes"},
      {"no pairs", [](v1::Lease* l) { l->mutable_pairs()->set_count(0); }, "0 pairs"},
      {"pairs before the first", [](v1::Lease* l) { l->mutable_pairs()->set_first_pair(-1); }, "from -1"},
      {"pairs past the last", [](v1::Lease* l) { l->mutable_pairs()->set_first_pair(2); }, "the job has 2"},
      {"far too many pairs", [](v1::Lease* l) { l->mutable_pairs()->set_count(1 << 30); }, "the job has 2"},
      {"no episodes", [](v1::Lease* l) { l->mutable_episodes()->set_count(0); }, "0 episodes"},
      {"a version before 0", [](v1::Lease* l) { l->set_version(-1); }, "version -1"},
      {"an unknown job", [](v1::Lease* l) { l->set_job_id("other"); }, "not opened"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    CoreHarness w;
    w.Online();
    v1::Lease lease = w.PairLease(1, 0);
    c.damage(&lease);
    w.Lease(lease);
    ASSERT_THAT(w.sent, SizeIs(1));
    EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr(c.error));
    EXPECT_EQ(w.sent[0].lease_failed().lease_id(), 1);
  }
}

TEST(WorkerCoreLeaseTest, HeartbeatsTellWhatIsInHandAndHowFarItIs) {
  CoreHarness w(/*slots=*/1);
  w.Online();
  w.Lease(1, 0);
  w.Lease(2, 0);
  w.Work();
  w.now = w.core().next_tick();
  w.Give(event::Tick{.done = {5}});
  ASSERT_THAT(w.sent, SizeIs(1));
  const v1::Heartbeat& heartbeat = w.sent[0].heartbeat();
  ASSERT_THAT(heartbeat.leases(), SizeIs(2));
  EXPECT_EQ(heartbeat.leases(0).lease_id(), 1);
  EXPECT_EQ(heartbeat.leases(0).done(), 5);
  EXPECT_EQ(heartbeat.leases(1).lease_id(), 2);
  EXPECT_EQ(w.core().next_tick(), w.now + absl::Seconds(1));
}

// ---- Tasks.

TEST(WorkerCoreTaskTest, RefusesTheLeasesOfAJobWhoseSpecIsNotResolved) {
  struct Case {
    const char* name;
    std::function<void(v1::JobSpec*)> spoil;
    const char* error;
  };
  const Case cases[] = {
      {"no members", [](v1::JobSpec* spec) { spec->mutable_strategy()->clear_population_size(); }, "not resolved"},
      {"too many members", [](v1::JobSpec* spec) { spec->mutable_strategy()->set_population_size(int64_t{1} << 60); },
       "strategy.population_size"},
      {"no task", [](v1::JobSpec* spec) { spec->clear_sphere(); }, "task: missing"},
      {"no size", [](v1::JobSpec* spec) { spec->mutable_sphere()->set_dimension(-1); }, "sphere.dimension"},
      {"no noise", [](v1::JobSpec* spec) { spec->mutable_strategy()->clear_sigma(); }, "not resolved"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    v1::JobSpec spec = SmallJob();
    c.spoil(&spec);
    CoreHarness w;
    w.Start();
    w.Welcome();
    w.OpenJob(spec);
    w.CloseGeneration(0);
    w.Lease(1, 0);
    EXPECT_FALSE(w.make.has_value());
    ASSERT_THAT(w.sent, SizeIs(1));
    EXPECT_THAT(w.sent[0].lease_failed().error(), HasSubstr(c.error));
  }
}

TEST(WorkerCoreTaskTest, WorksOnAJobThatIsOlderThanTheEstimators) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_strategy()->clear_estimator();
  CoreHarness w;
  w.Start();
  w.Welcome();
  w.OpenJob(spec);
  w.Lease(1, 0);
  w.Work();
  EXPECT_THAT(w.Running(), ElementsAre(1));
}

TEST(WorkerCoreTaskTest, FetchesTheDataBeforeItMakesTheTask) {
  const std::string digest(64, 'a');
  v1::JobSpec spec = SmallJob();
  spec.mutable_proto_net()->set_dataset_digest(digest);
  CoreHarness w;
  w.Start();
  w.Welcome();
  w.OpenJob(*Resolve(spec));
  w.Lease(1, 0);
  ASSERT_TRUE(w.artifact.has_value());
  EXPECT_EQ(w.artifact->digest, digest);
  EXPECT_FALSE(w.make.has_value());
  w.Give(event::ArtifactFetched{.id = w.artifact->id, .status = absl::OkStatus()});
  EXPECT_TRUE(w.make.has_value());
  EXPECT_EQ(w.core().stats().fetched_artifacts(), 1);
}

TEST(WorkerCoreTaskTest, HandsLeasesBackWhenTheTaskCannotBeMadeAndTriesAgainWithTheNext) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Lease(2, 0);
  w.Give(event::TaskMade{std::exchange(w.make, {})->id, absl::FailedPreconditionError("no such kernels")});
  ASSERT_THAT(w.sent, SizeIs(2));
  EXPECT_EQ(w.sent[1].lease_failed().lease_id(), 2);
  EXPECT_EQ(w.sent[1].lease_failed().error(), "no such kernels");
  w.Lease(3, 0);
  EXPECT_TRUE(w.make.has_value());
}

// ---- The connection.

TEST(WorkerCoreConnectionTest, BackoffGrowsToItsLimitWithJitter) {
  CoreHarness w;
  w.Start();
  double limit = 0.2;
  for (int attempt = 1; attempt <= 10; ++attempt) {
    EXPECT_EQ(w.connects, attempt);
    w.Break();
    const double wait = absl::ToDoubleSeconds(w.core().next_tick() - w.now);
    EXPECT_GE(wait, limit / 2);
    EXPECT_LE(wait, limit);
    limit = std::min(10.0, 2 * limit);
    w.PassUntilTick();
  }
}

TEST(WorkerCoreConnectionTest, WorkersThatLostOneCoordinatorDoNotReturnInStep) {
  std::set<absl::Time> returns;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CoreHarness w(/*slots=*/1, SmallJob(), seed);
    w.Online();
    w.Break();
    returns.insert(w.core().next_tick());
  }
  EXPECT_THAT(returns, SizeIs(20));
}

TEST(WorkerCoreConnectionTest, BackoffStartsAnewAfterAWelcome) {
  CoreHarness w;
  w.Start();
  for (int i = 0; i < 8; ++i) {
    w.Break();
    w.PassUntilTick();
  }
  w.Welcome();
  w.Break();
  EXPECT_LE(w.core().next_tick() - w.now, absl::Milliseconds(200));
}

TEST(WorkerCoreConnectionTest, ARefusedHelloEndsTheWorkerAndAnUnreachableCoordinatorDoesNot) {
  const std::pair<absl::Status, bool> cases[] = {
      {absl::FailedPreconditionError("protocol version 2, expected 1"), true},
      {absl::InvalidArgumentError("slots: 0"), true},
      {absl::UnimplementedError("not a coordinator"), true},
      {absl::AlreadyExistsError("another worker has this id"), true},
      {absl::UnavailableError("connection refused"), false},
      {absl::DeadlineExceededError("slow"), false},
      {absl::OkStatus(), false},
  };
  for (const auto& [status, exits] : cases) {
    SCOPED_TRACE(status.ToString());
    CoreHarness w;
    w.Start();
    w.Break(status);
    EXPECT_EQ(w.exit.has_value(), exits);
    if (exits) {
      EXPECT_EQ(*w.exit, status);
    }
  }
}

TEST(WorkerCoreConnectionTest, ReconnectsAfterAnErrorThatWouldRefuseAHello) {
  CoreHarness w;
  w.Online();
  w.Break(absl::FailedPreconditionError("the stream broke in some way"));
  EXPECT_FALSE(w.exit.has_value());
}

TEST(WorkerCoreConnectionTest, GivesUpOnACoordinatorThatDoesNotSayWelcome) {
  CoreHarness w;
  w.Start();
  w.PassUntilTick();
  EXPECT_EQ(w.disconnects, 2);
  w.Break();
  w.PassUntilTick();
  EXPECT_EQ(w.connects, 2);
}

TEST(WorkerCoreConnectionTest, ABrokenStreamTakesQueuedLeasesButNotRunningOnes) {
  CoreHarness w(/*slots=*/1);
  w.Online();
  w.Lease(1, 0);
  w.Lease(2, 0);
  w.Work();
  w.Break();
  w.FinishSlot(0);
  EXPECT_THAT(w.Running(), IsEmpty());
  EXPECT_THAT(w.sent, IsEmpty());
  w.PassUntilTick();
  w.Welcome();
  EXPECT_THAT(w.sent, IsEmpty()) << "the coordinator may not know this job";
  w.OpenJob();
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_EQ(w.sent[0].result().job_id(), "job-1");
  EXPECT_EQ(w.sent[0].result().lease_id(), 0);
}

TEST(WorkerCoreConnectionTest, AResultWaitsForItsJobToBeOpenAgain) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.Break();
  w.PassUntilTick();
  w.Welcome();
  w.FinishSlot(0);
  EXPECT_THAT(w.sent, IsEmpty());
  w.OpenJob();
  EXPECT_THAT(w.sent, SizeIs(1));
}

TEST(WorkerCoreConnectionTest, AResultIsNotSentToAnotherJobOfTheSameId) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.Break();
  w.FinishSlot(0);
  w.PassUntilTick();
  w.Welcome();
  v1::JobSpec other = w.spec;
  other.set_seed(99);
  w.OpenJob(other);
  EXPECT_THAT(w.sent, IsEmpty());
}

TEST(WorkerCoreConnectionTest, ParametersOutliveTheStream) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.FinishSlot(0);
  w.Break();
  w.PassUntilTick();
  w.Welcome();
  w.OpenJob();
  w.Lease(2, 0);
  EXPECT_THAT(w.Running(), ElementsAre(2));  // with no task to make and no state to build
}

TEST(WorkerCoreConnectionTest, ALeaseThatStillRunsIsAdoptedAndNotRunTwice) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.Break();
  w.PassUntilTick();
  w.Welcome();
  w.OpenJob();
  w.Lease(w.PairLease(51, 0));
  EXPECT_THAT(w.running, SizeIs(1));
  w.FinishSlot(0);
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_EQ(w.sent[0].result().lease_id(), 51);
}

TEST(WorkerCoreConnectionTest, JobsThatNobodyOpensAgainAreForgotten) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.FinishSlot(0);
  w.Break();
  w.PassUntilTick();
  w.Welcome();
  w.Pass(absl::Seconds(61));
  w.OpenJob();
  w.Lease(2, 0);
  EXPECT_TRUE(w.make.has_value());
}

// ---- Draining.

TEST(WorkerCoreDrainTest, WithoutAStreamItLeavesAtOnce) {
  CoreHarness w;
  w.Start();
  w.Break();
  w.Give(event::DrainRequested{});
  EXPECT_EQ(w.exit, absl::OkStatus());
}

TEST(WorkerCoreDrainTest, WhileConnectingItEndsTheAttempt) {
  CoreHarness w;
  w.Start();
  w.Give(event::DrainRequested{});
  EXPECT_EQ(w.disconnects, 1);
  w.Break(absl::CancelledError(""));
  EXPECT_EQ(w.exit, absl::OkStatus());
}

TEST(WorkerCoreDrainTest, IdleItSaysGoodbye) {
  CoreHarness w;
  w.Online();
  w.Give(event::DrainRequested{});
  ASSERT_THAT(w.sent, SizeIs(2));
  EXPECT_TRUE(w.sent[0].has_draining());
  EXPECT_TRUE(w.sent[1].has_goodbye());
  EXPECT_EQ(w.disconnects, 1);
  w.Break(absl::OkStatus());
  EXPECT_EQ(w.exit, absl::OkStatus());
}

TEST(WorkerCoreDrainTest, FinishesWhatRunsAndHandsBackTheRest) {
  CoreHarness w(/*slots=*/1);
  w.Online();
  w.Lease(1, 0);
  w.Lease(2, 0);
  w.Work();
  w.Give(event::DrainRequested{});
  w.Lease(3, 0);
  auto sent = w.TakeSent();
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_TRUE(sent[0].has_draining());
  EXPECT_EQ(sent[1].lease_failed().lease_id(), 2);
  EXPECT_EQ(sent[2].lease_failed().lease_id(), 3);
  EXPECT_EQ(w.disconnects, 0);

  w.FinishSlot(0);
  sent = w.TakeSent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].result().lease_id(), 1);
  EXPECT_TRUE(sent[1].has_goodbye());
  w.Break(absl::OkStatus());
  EXPECT_EQ(w.exit, absl::OkStatus());
}

TEST(WorkerCoreDrainTest, DoesNotWaitForeverForTheStreamToEnd) {
  CoreHarness w;
  w.Online();
  w.Give(event::DrainRequested{});
  EXPECT_FALSE(w.exit.has_value());
  w.PassUntilTick();
  EXPECT_EQ(w.exit, absl::OkStatus());
}

TEST(WorkerCoreDrainTest, TheSecondRequestStopsAtOnce) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.Give(event::DrainRequested{});
  w.Give(event::DrainRequested{});
  ASSERT_TRUE(w.exit.has_value());
  EXPECT_EQ(w.exit->code(), absl::StatusCode::kCancelled);
}

TEST(WorkerCoreDrainTest, WhenTheCoordinatorDrainsItFinishesWhatRunsAndComesBack) {
  CoreHarness w;
  w.Online();
  w.Lease(1, 0);
  w.Work();
  w.CoordinatorDrains();
  EXPECT_EQ(w.disconnects, 0);
  w.FinishSlot(0);
  ASSERT_THAT(w.sent, SizeIs(2));
  EXPECT_TRUE(w.sent[0].has_result());
  EXPECT_TRUE(w.sent[1].has_goodbye());
  EXPECT_EQ(w.disconnects, 1);
  w.Break(absl::OkStatus());
  w.PassUntilTick();
  EXPECT_EQ(w.connects, 2);
  w.Welcome();
  w.OpenJob();
  w.Lease(2, 0);
  EXPECT_THAT(w.Running(), ElementsAre(2));
}

}  // namespace
}  // namespace seedcast
