#include "tests/coordinator/engine/engine_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::HasSubstr;

class WorkerTest : public EngineTest {
 protected:
  absl::Status Check(WorkerJoined joined, std::string* refused) { return engine_.CheckWorker(&joined, refused); }
  void WaitLongEnoughForANote() {
    for (int i = 0; i < 2; ++i) Wait(absl::Seconds(1));
  }
};

TEST_F(WorkerTest, ChecksWhatAWorkerSaysOfItself) {
  const struct {
    WorkerJoined joined;
    absl::StatusCode code;
    const char* message;
  } cases[] = {
      {{"w", 1, {{v1::F32, "f"}}, {}}, absl::StatusCode::kOk, ""},
      {{"", 1, {{v1::F32, "f"}}, {}}, absl::StatusCode::kInvalidArgument, "worker_id: 0 bytes"},
      {{std::string(201, 'w'), 1, {{v1::F32, "f"}}, {}}, absl::StatusCode::kInvalidArgument, "201 bytes"},
      {{"w", 0, {{v1::F32, "f"}}, {}}, absl::StatusCode::kInvalidArgument, "slots: 0, expected 1 .. 4096"},
      {{"w", 4097, {{v1::F32, "f"}}, {}}, absl::StatusCode::kInvalidArgument, "slots: 4097"},
      {{"w", 1, {}, {}}, absl::StatusCode::kFailedPrecondition, "no usable numeric class"},
      {{"w", 1, {{v1::F32, "g"}}, {}}, absl::StatusCode::kFailedPrecondition, "gave g, expected f"},
      {{"w", 1, {{v1::F32, "g"}, {v1::BF16_AMX, "x"}}, {}}, absl::StatusCode::kOk, ""},
  };
  for (const auto& c : cases) {
    std::string refused;
    const absl::Status status = Check(c.joined, &refused);
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

TEST_F(WorkerTest, ADisprovedClassIsNotServed) {
  WorkerJoined joined{"w", 1, {{v1::F32, "g"}, {v1::BF16_AMX, "x"}}, {"sphere"}};
  std::string refused;
  ASSERT_TRUE(engine_.CheckWorker(&joined, &refused).ok());
  EXPECT_EQ(refused, "numeric class F32: the known-answer test gave g, expected f");
  Do(joined);
  Add("j", 4);
  EXPECT_EQ(InHand("w"), 0u);
}

TEST_F(WorkerTest, ServesOnlyJobsOfItsClassAndTasks) {
  JobPlan bf16 = Plan(4);
  bf16.numeric_class = v1::BF16_AMX;
  JobPlan proto_net = Plan(4);
  proto_net.task = "proto_net";
  Add("bf16", bf16);
  Add("net", proto_net);
  Join("w");
  EXPECT_EQ(InHand("w"), 0u);
  WaitLongEnoughForANote();
  EXPECT_EQ(engine_.Note("bf16", now_), "waiting: no worker of class BF16_AMX");
  EXPECT_EQ(engine_.Note("net", now_), "waiting: no worker has task proto_net");
  Join("amx", 1, {{v1::BF16_AMX, "x"}});
  EXPECT_EQ(InHand("amx"), 2u);
  EXPECT_EQ(engine_.Note("bf16", now_), "");
}

TEST_F(WorkerTest, SaysWhenThereIsNoWorkerAtAll) {
  Add("j", 4);
  WaitLongEnoughForANote();
  EXPECT_EQ(engine_.Note("j", now_), "waiting: no worker");
}

TEST_F(WorkerTest, AWorkerThatIsAboutToComeIsNotMissed) {
  Add("j", 4);
  Wait(absl::Hours(1));  // before the first tick the coordinator itself was not there
  EXPECT_EQ(engine_.Note("j", now_), "");
  Wait(absl::Milliseconds(900));
  EXPECT_EQ(engine_.Note("j", now_), "");
  Join("w");
  Wait(absl::Milliseconds(100));
  Leave("w");
  for (int i = 0; i < 10; ++i) {
    Wait(absl::Milliseconds(100));
    EXPECT_EQ(engine_.Note("j", now_), "") << "after " << i;
  }
  Wait(absl::Milliseconds(100));
  EXPECT_EQ(engine_.Note("j", now_), "waiting: no worker");
  Do(JobPaused{"j"});
  Do(JobResumed{"j"});
  EXPECT_EQ(engine_.Note("j", now_), "") << "whoever resumes may bring the worker";
}

TEST_F(WorkerTest, SaysWhyAnEvaluationWaitsWhateverTheJobsState) {
  Add("done", Plan(4), v1::SUCCEEDED);
  Add("paused", Plan(4), v1::PAUSED);
  for (const char* job : {"done", "paused"}) {
    Evaluate(job == std::string("done") ? 1 : 2, job, 3);
    WaitLongEnoughForANote();
    EXPECT_EQ(engine_.Note(job, now_), "") << job;
    EXPECT_EQ(engine_.EvaluationNote(job, now_), "waiting: no worker") << job;
  }
  Join("w");
  EXPECT_EQ(engine_.EvaluationNote("done", now_), "");
  EXPECT_EQ(engine_.EvaluationNote("nobody", now_), "");
}

TEST_F(WorkerTest, WorkersOfOneJobHaveTheSameProof) {
  JobPlan plan = Plan(100);
  plan.numeric_class = v1::BF16_AMX;
  Add("j", plan);
  Join("first", 1, {{v1::BF16_AMX, "x"}});
  Join("same", 1, {{v1::BF16_AMX, "x"}});
  Join("other", 1, {{v1::BF16_AMX, "y"}});
  EXPECT_EQ(InHand("same"), 2u);
  EXPECT_EQ(InHand("other"), 0u);
  Leave("first");
  Leave("same");
  WaitLongEnoughForANote();
  EXPECT_THAT(engine_.Note("j", now_), HasSubstr("computes other bits than the first"));
}

TEST_F(WorkerTest, TheFirstProofIsToldOnceAndHoldsAfterARestart) {
  JobPlan plan = Plan(100);
  plan.numeric_class = v1::BF16_AMX;
  Add("j", plan);
  Join("first", 1, {{v1::BF16_AMX, "x"}});
  ASSERT_THAT(All<JobProved>(), testing::SizeIs(1));
  EXPECT_EQ(Find<JobProved>()->proof, "x");
  Join("second", 1, {{v1::BF16_AMX, "x"}});
  EXPECT_EQ(Find<JobProved>(), nullptr);
  Do(JobAdded{"restarted", plan, v1::RUNNING, 0, "digest", 0, "y"});
  Leave("first");
  Leave("second");
  Join("again", 1, {{v1::BF16_AMX, "y"}});
  EXPECT_EQ(leases_["again"].at(0).job_id, "restarted");
  WaitLongEnoughForANote();
  EXPECT_THAT(engine_.Note("j", now_), HasSubstr("computes other bits than the first"));
}

TEST_F(WorkerTest, ADrainingWorkerFinishesWhatItHas) {
  Join("w");
  Add("j", 4);
  EXPECT_FALSE(engine_.IsDraining("w"));
  Do(WorkerDraining{"w"});
  EXPECT_TRUE(engine_.IsDraining("w"));
  Finish("w");
  Finish("w");
  EXPECT_EQ(InHand("w"), 0u);
  EXPECT_EQ(engine_.stats().evaluations, 4);
}

TEST_F(WorkerTest, AWorkerThatLeavesGivesItsLeasesBack) {
  Join("a");
  Add("j", 2);
  Leave("a");
  Join("b");
  EXPECT_EQ(InHand("b"), 2u);
  EXPECT_EQ(FinishUntil<CommitGeneration>().generation, 0);
}

TEST_F(WorkerTest, ASecondHelloReplacesTheFirst) {
  Join("w");
  Add("j", 2);
  Join("w", 4);
  EXPECT_EQ(InHand("w"), 2u);
  EXPECT_NE(Find<OpenJob>(), nullptr) << "the new stream knows of no job yet";
  EXPECT_EQ(engine_.FindJob("j")->eligible_slots, 4);
}

TEST_F(WorkerTest, ALostWorkerIsBackWhenItSpeaks) {
  Join("w");
  Add("j", 2);
  Wait(absl::Seconds(31));
  EXPECT_EQ(engine_.FindJob("j")->eligible_slots, 0);
  leases_["w"].clear();
  Do(Heartbeat{"w", {}});
  EXPECT_EQ(engine_.FindJob("j")->eligible_slots, 1);
  EXPECT_EQ(InHand("w"), 2u);
}

TEST_F(WorkerTest, MessagesOfAStrangerAreIgnored) {
  Add("j", 2);
  const v1::LeaseResult result;
  for (const Event& event : std::vector<Event>{WorkerGone{"x"}, WorkerDraining{"x"}, Heartbeat{"x", {1}},
                                               ResultArrived{"x", &result}, LeaseFailed{"x", 1, ""}}) {
    Do(event);
    EXPECT_TRUE(actions_.empty());
  }
}

}  // namespace
}  // namespace seedcast::engine
