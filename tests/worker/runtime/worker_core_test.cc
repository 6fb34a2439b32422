// WorkerCore: leases and the tasks they need.
#include "worker/runtime/worker_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

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
  w.OnlineWith({1, 2});
  w.Revoke(2);
  w.FinishSlot(0);
  EXPECT_THAT(w.Running(), IsEmpty());
  EXPECT_THAT(w.sent, SizeIs(1));  // the first one's result
}

TEST(WorkerCoreLeaseTest, RevokedWhileRunningIsCancelledAndNotAnswered) {
  CoreHarness w;
  w.OnlineWith({1});
  w.Revoke(1);
  EXPECT_THAT(w.cancelled, ElementsAre(0));
  w.FinishSlot(0);  // it came to its end all the same
  EXPECT_THAT(w.sent, IsEmpty());
  w.Lease(2, 0);
  EXPECT_THAT(w.Running(), ElementsAre(2));
}

TEST(WorkerCoreLeaseTest, AClosedGenerationRevokesItsPairs) {
  CoreHarness w(/*slots=*/1);
  w.OnlineWith({1, 2});
  w.CloseGeneration(0);
  EXPECT_THAT(w.cancelled, ElementsAre(0));
  w.FinishSlot(0);
  EXPECT_THAT(w.Running(), IsEmpty());
}

TEST(WorkerCoreLeaseTest, ClosedJobIsForgotten) {
  CoreHarness w;
  w.OnlineWith({1});
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
  w.OnlineWith({1, 2});
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

}  // namespace
}  // namespace seedcast
