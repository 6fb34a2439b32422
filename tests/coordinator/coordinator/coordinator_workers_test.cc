#include "tests/coordinator/coordinator/coordinator_fixture.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class CoordinatorWorkersTest : public CoordinatorTest {};

TEST_F(CoordinatorWorkersTest, WelcomesAWorkerBeforeAnythingElse) {
  Submit();
  Join("w");
  ASSERT_GE(sent_.size(), 3u);
  EXPECT_TRUE(sent_[0].second.has_welcome());
  EXPECT_EQ(sent_[0].second.welcome().heartbeat_ms(), 5000);
  EXPECT_EQ(sent_[0].second.welcome().lease_ttl_ms(), 30'000);
  EXPECT_TRUE(sent_[1].second.has_job_opened());
  EXPECT_TRUE(sent_[2].second.has_lease());
}

TEST_F(CoordinatorWorkersTest, WhoHeartbeatsAsToldKeepsItsLeasesHoweverShortTheTtl) {
  lease_ttl_ = absl::Seconds(2);
  Start();
  Submit();
  Join("w");
  const absl::Duration every = absl::Milliseconds(sent_[0].second.welcome().heartbeat_ms());
  v1::WorkerMessage message;
  for (const v1::Lease& lease : inbox_["w"]) {
    message.mutable_heartbeat()->add_leases()->set_lease_id(lease.lease_id());
  }
  ASSERT_GT(message.heartbeat().leases_size(), 0);
  for (int i = 0; i < 10; ++i) {
    now_ += every;
    coordinator_->OnTick(now_);
    coordinator_->OnMessage("w", message, now_);
  }
  EXPECT_EQ(coordinator_->Figures().engine.expired_leases, 0);
}

TEST_F(CoordinatorWorkersTest, RefusesAnotherProtocolVersion) {
  v1::Hello hello = HelloOf("w");
  hello.set_protocol_version(99);
  const absl::Status status = coordinator_->OnHello(hello, now_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("protocol version 99"));
  EXPECT_TRUE(sent_.empty());
}

TEST_F(CoordinatorWorkersTest, RefusesAWorkerWhoseKernelsDisagree) {
  v1::Hello hello = HelloOf("w");
  hello.add_proofs()->set_numeric_class(v1::F32);
  hello.mutable_proofs(1)->set_digest("other bits");
  const absl::Status status = coordinator_->OnHello(hello, now_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("other bits, expected " + ExpectedF32Proof()));
}

TEST_F(CoordinatorWorkersTest, TheFirstWorkersProofHoldsAfterARestart) {
  v1::JobSpec spec = Spec(50, 0);
  spec.set_numeric_class(v1::BF16_AMX);
  const auto join = [&](const std::string& worker, const std::string& digest) {
    v1::Hello hello = HelloOf(worker);
    hello.mutable_proofs(0)->set_numeric_class(v1::BF16_AMX);
    hello.mutable_proofs(0)->set_digest(digest);
    ASSERT_TRUE(coordinator_->OnHello(hello, now_).ok());
  };
  Submit(spec);
  store_.refusal = absl::ResourceExhaustedError("disk full");
  join("first", "these bits");
  store_.refusal = absl::OkStatus();
  now_ += absl::Seconds(4);
  coordinator_->OnTick(now_);
  Start();
  join("second", "other bits");
  EXPECT_TRUE(inbox_["second"].empty());
  join("third", "these bits");
  EXPECT_FALSE(inbox_["third"].empty());
}

TEST_F(CoordinatorWorkersTest, AFailingJobCountsAllItsFailures) {
  v1::JobSpec spec = Spec();
  spec.set_max_failed_evaluations(2);
  const std::string job = Submit(spec);
  Join("w");
  for (int i = 0; i < 2; ++i) {
    v1::WorkerMessage answer = Answer(inbox_["w"].at(i));
    answer.mutable_result()->add_failed(0);
    answer.mutable_result()->add_failed(1);
    coordinator_->OnMessage("w", answer, now_);
  }
  EXPECT_EQ(StatusOf(job).state(), v1::FAILED);
  EXPECT_EQ(StatusOf(job).failed_evaluations(), 4);
}

TEST_F(CoordinatorWorkersTest, LeasesNameTheDigestOfTheirVersion) {
  const std::string job = Submit();
  Join("w");
  EXPECT_EQ(inbox_["w"].front().digest(), StatusOf(job).digest());
}

TEST_F(CoordinatorWorkersTest, ClosesAStreamThatSaysHelloTwice) {
  Join("w");
  v1::WorkerMessage message;
  *message.mutable_hello() = HelloOf("w");
  coordinator_->OnMessage("w", message, now_);
  EXPECT_EQ(closed_["w"].code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorWorkersTest, HandsAGenerationsFitnessOverOnceForAllWorkers) {
  Submit(Spec(2, 0));
  for (const char* worker : {"a", "b", "c"}) Join(worker);
  RunUntilIdle();
  EXPECT_THAT(broadcasts_, ElementsAre(UnorderedElementsAre("a", "b", "c"), UnorderedElementsAre("a", "b", "c")));
  std::map<std::string, int> heard;
  for (const auto& [worker, message] : sent_) heard[worker] += message.has_generation_closed() ? 1 : 0;
  EXPECT_THAT(heard, UnorderedElementsAre(Pair("a", 2), Pair("b", 2), Pair("c", 2)));
}

TEST_F(CoordinatorWorkersTest, DrainsAtShutdownAndKeepsASnapshot) {
  const std::string job = Submit(Spec(50, 0));
  Join("w");
  RunTo(job, 7);
  coordinator_->StopLeasing(now_);
  EXPECT_TRUE(sent_.back().second.has_drain());
  EXPECT_EQ(store_.SnapshotVersions(job)->back(), 7);
}

TEST_F(CoordinatorWorkersTest, SaysWhatAJobWaitsFor) {
  const std::string job = Submit();
  TickForSeconds(2);
  EXPECT_EQ(StatusOf(job).numeric_class_note(), "waiting: no worker");
  Join("w");
  EXPECT_EQ(StatusOf(job).numeric_class_note(), "");
  EXPECT_EQ(StatusOf(job).workers(), 1);
  EXPECT_EQ(StatusOf(job).slots(), 2);
}

TEST_F(CoordinatorWorkersTest, CountsResults) {
  Submit();
  Join("w");
  const v1::Lease lease = inbox_["w"].front();
  Step();
  coordinator_->OnMessage("w", Answer(lease), now_);
  EXPECT_EQ(coordinator_->Figures().engine.results, 1);
  EXPECT_EQ(coordinator_->Figures().engine.evaluations, 2);
  EXPECT_EQ(coordinator_->Figures().engine.duplicate_results, 1);
}

}  // namespace
}  // namespace seedcast
