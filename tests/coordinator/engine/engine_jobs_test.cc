#include <cmath>

#include "tests/coordinator/engine/engine_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

class JobTest : public EngineTest {
 protected:
  static JobPlan WithValidation(int64_t pairs, int64_t generations, int64_t every, int32_t episodes) {
    JobPlan plan = Plan(pairs, generations);
    plan.validation_every = every;
    plan.validation_episodes = Episodes(episodes);
    return plan;
  }
  double ServedShare(const std::string& job, const std::string& other) {
    const double a = engine_.FindJob(job)->served_seconds, b = engine_.FindJob(other)->served_seconds;
    return a / (a + b);
  }
};

TEST_F(JobTest, RunsToItsLastVersion) {
  Join("w");
  Add("j", 2, 3);
  for (int64_t g = 0; g < 3; ++g) {
    const CommitGeneration closed = FinishUntil<CommitGeneration>();
    EXPECT_EQ(closed.generation, g);
    Commit(closed);
  }
  const FinishJob* finish = Find<FinishJob>();
  ASSERT_NE(finish, nullptr);
  EXPECT_EQ(finish->version, 3);
  EXPECT_FALSE(finish->validation.has_value());
  Do(JobFinished{"j"});
  EXPECT_EQ(engine_.FindJob("j")->state, v1::SUCCEEDED);
}

TEST_F(JobTest, ValidatesEveryNthGenerationAndTheLastVersion) {
  Join("w", 2);
  Add("j", WithValidation(1, 5, 2, 3));
  std::vector<int64_t> validated;
  for (int64_t g = 0; g < 5; ++g) {
    const CommitGeneration closed = FinishUntil<CommitGeneration>();
    if (closed.validation) {
      validated.push_back(g);
      EXPECT_THAT(closed.validation->accuracy, testing::ElementsAre(0.5f, 0.5f, 0.5f));
    }
    Commit(closed);
  }
  const FinishJob finish = FinishUntil<FinishJob>();
  ASSERT_TRUE(finish.validation.has_value());
  EXPECT_THAT(validated, testing::ElementsAre(2, 4));
}

TEST_F(JobTest, AGenerationWaitsForItsValidation) {
  Join("w", 4);
  Add("j", WithValidation(1, 1, 1, 2), v1::RUNNING, 0);
  Commit(FinishUntil<CommitGeneration>());
  ASSERT_EQ(InHand("w"), 2u);
  Finish("w");
  EXPECT_EQ(Find<FinishJob>(), nullptr);
  Finish("w");
  EXPECT_NE(Find<FinishJob>(), nullptr);
}

TEST_F(JobTest, TakesUpAJobAtItsVersion) {
  Join("w");
  Add("j", Plan(2, 10), v1::RUNNING, 7);
  EXPECT_EQ(leases_["w"].at(0).version, 7);
}

TEST_F(JobTest, APausedJobGetsNoLeasesButKeepsResults) {
  Join("w");
  Add("j", 3);
  Do(JobPaused{"j"});
  Finish("w");
  Finish("w");
  EXPECT_EQ(InHand("w"), 0u);
  EXPECT_EQ(engine_.stats().evaluations, 4);
  Do(JobResumed{"j"});
  ASSERT_EQ(InHand("w"), 1u);
  EXPECT_EQ(leases_["w"][0].units.first, 2);
}

TEST_F(JobTest, AJobPausedAtACommitOpensTheNextGenerationOnResume) {
  Join("w");
  Add("j", 1);
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  Do(JobPaused{"j"});
  Commit(closed);
  EXPECT_EQ(InHand("w"), 0u);
  Do(JobResumed{"j"});
  ASSERT_EQ(InHand("w"), 1u);
  EXPECT_EQ(leases_["w"][0].version, 1);
}

TEST_F(JobTest, AJobAddedPausedWaits) {
  Join("w");
  Add("j", Plan(2), v1::PAUSED);
  EXPECT_EQ(InHand("w"), 0u);
  Do(JobResumed{"j"});
  EXPECT_EQ(InHand("w"), 2u);
}

TEST_F(JobTest, CancelRevokesAndLaterCloses) {
  Join("w");
  Add("j", 4);
  Do(JobCancelled{"j"});
  EXPECT_NE(Find<RevokeLeases>(), nullptr);
  EXPECT_EQ(InHand("w"), 0u);
  Wait(absl::Seconds(29));
  EXPECT_EQ(Find<CloseJob>(), nullptr);
  Wait(absl::Seconds(1));
  EXPECT_NE(Find<CloseJob>(), nullptr);
}

TEST_F(JobTest, ACommitAnsweredAfterCancelIsIgnored) {
  Join("w");
  Add("j", 1);
  const CommitGeneration closed = FinishUntil<CommitGeneration>();
  Do(JobCancelled{"j"});
  Commit(closed);
  EXPECT_EQ(engine_.FindJob("j")->state, v1::CANCELLED);
  EXPECT_EQ(InHand("w"), 0u);
}

TEST_F(JobTest, JobsShareAWorkerByTimeNotByLeases) {
  Join("w");
  Add("quick", 100'000);
  Add("slow", 100'000);
  for (int i = 0; i < 2000; ++i) {
    const GrantLease lease = leases_["w"].at(0);
    const double seconds_per_pair = lease.job_id == "slow" ? 0.2 : 0.01;
    Finish("w", seconds_per_pair * static_cast<double>(lease.units.count));
  }
  EXPECT_NEAR(ServedShare("quick", "slow"), 0.5, 0.01);
}

TEST_F(JobTest, ALateJobDoesNotTakeEverything) {
  Join("w");
  Add("old", 100'000);
  for (int i = 0; i < 100; ++i) Finish("w", 1.0);
  Add("new", 100'000);
  int old_leases = 0;
  for (int i = 0; i < 20; ++i) old_leases += Finish("w", 1.0).job_id == "old";
  EXPECT_GE(old_leases, 9);
}

TEST_F(JobTest, AtMostMaxWorkersServeAJob) {
  JobPlan plan = Plan(1000);
  plan.max_workers = 2;
  Add("j", plan);
  for (const char* worker : {"a", "b", "c"}) Join(worker, 2);
  EXPECT_EQ(InHand("a"), 4u);
  EXPECT_EQ(InHand("b"), 4u);
  EXPECT_EQ(InHand("c"), 0u);
  Leave("a");
  EXPECT_EQ(InHand("c"), 4u);
}

TEST_F(JobTest, EvaluatesAnyVersionBesideTheJob) {
  Join("w");
  Add("j", Plan(100), v1::RUNNING, 5);
  Evaluate(1, "j", 3, 2);
  const EvaluationDone done = FinishUntil<EvaluationDone>();
  EXPECT_EQ(done.evaluation_id, 1);
  EXPECT_THAT(done.results.accuracy, SizeIs(3));
  EXPECT_THAT(done.results.accuracy, Each(0.5f));
  EXPECT_EQ(engine_.FindJob("j")->version, 5);
}

TEST_F(JobTest, EvaluatesEndedJobs) {
  Join("w");
  Add("j", Plan(2), v1::SUCCEEDED, 10);
  EXPECT_EQ(InHand("w"), 0u);
  Evaluate(1, "j", 2, 10);
  EXPECT_EQ(FinishUntil<EvaluationDone>().results.failed, 0);
  Evaluate(2, "j", 2, 10);
  EXPECT_EQ(Find<OpenJob>(), nullptr) << "the worker still has the job";
  FinishUntil<EvaluationDone>();
  Wait(absl::Seconds(30));
  EXPECT_NE(Find<CloseJob>(), nullptr);
}

TEST_F(JobTest, ReportsProgressOfAnEvaluation) {
  Join("w", 2);
  Add("j", Plan(2), v1::SUCCEEDED, 10);
  Evaluate(1, "j", 3, 10);
  Finish("w");
  ASSERT_NE(Find<EvaluationProgressed>(), nullptr);
  EXPECT_EQ(Find<EvaluationProgressed>()->episodes_done, 1);
}

TEST_F(JobTest, ACancelledEvaluationIsRevoked) {
  Join("w", 2);
  Add("j", Plan(2), v1::SUCCEEDED, 10);
  Evaluate(1, "j", 30, 10);
  const GrantLease lease = leases_["w"].at(0);
  Do(EvaluationCancelled{1});
  EXPECT_EQ(InHand("w"), 0u);
  Send("w", ResultOf(lease));
  EXPECT_EQ(engine_.stats().unknown_results, 1);
}

TEST_F(JobTest, ResultsOfAnotherEvaluationDoNotCount) {
  Join("w");
  Add("j", Plan(2), v1::SUCCEEDED, 10);
  Evaluate(1, "j", 4, 10);
  v1::LeaseResult result = ResultOf(leases_["w"].at(0));
  result.mutable_episodes()->mutable_spec()->set_way(20);
  Send("w", result);
  EXPECT_EQ(engine_.stats().rejected_results, 1);
}

TEST_F(JobTest, ValidationFailuresDoNotEndTheJob) {
  Join("w");
  JobPlan plan = WithValidation(1, 1, 1, 1);
  plan.max_failed_evaluations = 0;
  Add("j", plan);
  Commit(FinishUntil<CommitGeneration>());
  v1::LeaseResult result = ResultOf(leases_["w"].at(0));
  result.add_failed(0);
  Send("w", result);
  ASSERT_NE(Find<FinishJob>(), nullptr);
  EXPECT_EQ(Find<FinishJob>()->validation->failed, 1);
  EXPECT_TRUE(std::isnan(Find<FinishJob>()->validation->fitness[0]));
}

TEST(EngineDeathTest, AVersionNeverGoesBack) {
  Engine engine({.expected_f32_proof = "f"});
  const absl::Time now = absl::UnixEpoch();
  engine.Handle(JobAdded{"j", {.task = "sphere", .generations = 3}, v1::RUNNING, 2, "d", 0}, now);
  EXPECT_DEATH(engine.Handle(GenerationCommitted{"j", 2, "d"}, now), "committed once, in order");
}

}  // namespace
}  // namespace seedcast::engine
