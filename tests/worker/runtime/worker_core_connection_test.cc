// WorkerCore: how it comes to a coordinator, loses it and leaves it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "tests/worker/runtime/core_harness.h"
#include "worker/runtime/worker_core.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

TEST(WorkerCoreConnectionTest, SaysEachNewReasonAndOnceAMinuteThatItIsTheSame) {
  CoreHarness w;
  const auto said_after = [&](const absl::Status& status) {
    ::testing::internal::CaptureStderr();
    w.Break(status);
    const std::string said = ::testing::internal::GetCapturedStderr();
    w.PassUntilTick();
    return said;
  };
  const absl::Status refused = absl::UnavailableError("connection refused");
  w.Start();
  EXPECT_THAT(said_after(refused), HasSubstr("connection refused"));
  EXPECT_THAT(said_after(refused), IsEmpty());
  EXPECT_THAT(said_after(absl::UnavailableError("certificate verify failed")), HasSubstr("verify failed"));
  const absl::Time start = w.now;
  while (w.now < start + absl::Seconds(50)) said_after(refused);
  EXPECT_THAT(said_after(refused), IsEmpty());
  w.now = std::max(w.now, start + absl::Seconds(70));
  EXPECT_THAT(said_after(refused), HasSubstr("connection refused"));
  w.Welcome();
  EXPECT_THAT(said_after(refused), HasSubstr("connection refused")) << "lost anew";
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
  w.OnlineWith({1, 2});
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
  w.OnlineWith({1});
  w.Reconnect();
  w.FinishSlot(0);
  EXPECT_THAT(w.sent, IsEmpty());
  w.OpenJob();
  EXPECT_THAT(w.sent, SizeIs(1));
}

TEST(WorkerCoreConnectionTest, AResultIsNotSentToAnotherJobOfTheSameId) {
  CoreHarness w;
  w.OnlineWith({1});
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
  w.OnlineWith({1});
  w.FinishSlot(0);
  w.Reconnect();
  w.OpenJob();
  w.Lease(2, 0);
  EXPECT_THAT(w.Running(), ElementsAre(2));  // with no task to make and no state to build
}

TEST(WorkerCoreConnectionTest, ALeaseThatStillRunsIsAdoptedAndNotRunTwice) {
  CoreHarness w;
  w.OnlineWith({1});
  w.Reconnect();
  w.OpenJob();
  w.Lease(w.PairLease(51, 0));
  EXPECT_THAT(w.running, SizeIs(1));
  w.FinishSlot(0);
  ASSERT_THAT(w.sent, SizeIs(1));
  EXPECT_EQ(w.sent[0].result().lease_id(), 51);
}

TEST(WorkerCoreConnectionTest, JobsThatNobodyOpensAgainAreForgotten) {
  CoreHarness w;
  w.OnlineWith({1});
  w.FinishSlot(0);
  w.Reconnect();
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
  w.OnlineWith({1, 2});
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
  w.OnlineWith({1});
  w.Give(event::DrainRequested{});
  w.Give(event::DrainRequested{});
  ASSERT_TRUE(w.exit.has_value());
  EXPECT_EQ(w.exit->code(), absl::StatusCode::kCancelled);
}

TEST(WorkerCoreDrainTest, WhenTheCoordinatorDrainsItFinishesWhatRunsAndComesBack) {
  CoreHarness w;
  w.OnlineWith({1});
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
