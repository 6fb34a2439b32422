#include <cmath>
#include <optional>

#include "tests/coordinator/coordinator/coordinator_fixture.h"
#include "worker/kernels/convnet.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CoordinatorJobsTest : public CoordinatorTest {
 protected:
  absl::StatusOr<v1::JobStatus> Fork(const std::string& job_id, int64_t version,
                                     std::optional<v1::JobSpec> overrides = std::nullopt) {
    v1::ForkJobRequest request;
    request.set_job_id(job_id);
    request.set_version(version);
    if (overrides) *request.mutable_overrides() = *overrides;
    return coordinator_->Fork(request, now_);
  }
  // The last message of an evaluation, once the workers are through.
  absl::StatusOr<v1::EvaluateJobProgress> Evaluate(const std::string& job_id, std::optional<int64_t> version,
                                                   int episodes = 10) {
    v1::EvaluateJobRequest request;
    request.set_job_id(job_id);
    request.mutable_spec()->set_episodes(episodes);
    if (version) request.set_version(*version);
    absl::StatusOr<v1::EvaluateJobProgress> last = absl::UnknownError("no answer");
    const auto id = coordinator_->Evaluate(
        request, [&](const auto& progress) { last = progress; }, now_);
    if (!id.ok()) return id.status();
    RunUntilIdle();
    return last;
  }
};

TEST_F(CoordinatorJobsTest, ShowsTheResolvedSpec) {
  const v1::JobStatus status = StatusOf(Submit());
  EXPECT_EQ(status.state(), v1::RUNNING);
  EXPECT_EQ(status.version(), 0);
  EXPECT_EQ(status.num_parameters(), 5);
  EXPECT_EQ(status.spec().numeric_class(), v1::F32);
  EXPECT_EQ(status.spec().strategy().noise(), v1::Strategy::POPCOUNT);
  EXPECT_EQ(status.submitted_unix_seconds(), 1'000'000);
  EXPECT_FALSE(status.dataset().empty());
}

TEST_F(CoordinatorJobsTest, RefusesWhatIsOutOfRange) {
  v1::JobSpec spec = Spec();
  spec.mutable_strategy()->set_population_size(7);
  const auto status = TrySubmit(spec);
  EXPECT_EQ(status.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.status().message()), HasSubstr("population_size: 7"));
}

TEST_F(CoordinatorJobsTest, RefusesAnUpdateOfHours) {
  v1::JobSpec spec = Spec();
  spec.mutable_strategy()->set_population_size(1 << 20);
  spec.mutable_sphere()->set_dimension((1 << 21) + 1);
  const auto status = TrySubmit(spec);
  EXPECT_EQ(status.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.status().message()),
              HasSubstr("strategy.population_size: 1048576, expected population_size * num_parameters <= 2199023255552 "
                        "with 2097153 parameters"));
  spec.mutable_sphere()->set_dimension(1 << 21);
  EXPECT_TRUE(TrySubmit(spec).ok());
  EXPECT_LT(ConvNetShape::Uniform(256, 4).num_parameters(), 1 << 21) << "any population suits any proto_net";
}

TEST_F(CoordinatorJobsTest, RefusesAGradientThatNoWorkerCouldHold) {
  v1::JobSpec spec = Spec();
  spec.clear_sphere();
  spec.mutable_strategy()->set_estimator(v1::Strategy::GRADIENT);
  v1::LearnedOptimizerTask* task = spec.mutable_learned_optimizer();
  task->add_clusters()->set_name("only");
  task->mutable_clusters(0)->add_problems("quadratic(4096)");
  task->mutable_unroll()->set_steps(1'000'000);
  const auto status = TrySubmit(spec);
  EXPECT_EQ(status.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.status().message()),
              AllOf(HasSubstr("learned_optimizer.unroll.steps: 1000000, expected unrolls of at most "),
                    HasSubstr(" of quadratic(4096), and there are 65536 MiB")));
  task->mutable_unroll()->set_steps(10'000);
  EXPECT_TRUE(TrySubmit(spec).ok());
}

TEST_F(CoordinatorJobsTest, RefusesMoreGradientsThanACoordinatorCouldHold) {
  v1::JobSpec spec = Spec();
  spec.clear_sphere();
  spec.mutable_strategy()->set_estimator(v1::Strategy::GRADIENT);
  spec.mutable_strategy()->set_population_size(1 << 18);
  v1::LearnedOptimizerTask* task = spec.mutable_learned_optimizer();
  task->add_clusters()->set_name("only");
  task->mutable_clusters(0)->add_problems("quadratic(4)");
  const auto status = TrySubmit(spec);
  EXPECT_EQ(status.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.status().message()),
      HasSubstr("strategy.population_size: 262144, expected population_size * clusters <= 257214 with estimator "
                "GRADIENT and 8349 parameters"));
  spec.mutable_strategy()->set_population_size(257'214);
  EXPECT_TRUE(TrySubmit(spec).ok());
}

TEST_F(CoordinatorJobsTest, AKeySubmittedTwiceIsOneJob) {
  const std::string first = TrySubmit(Spec(), "key")->job_id();
  EXPECT_EQ(TrySubmit(Spec(), "key")->job_id(), first);
  Start();
  EXPECT_EQ(TrySubmit(Spec(), "key")->job_id(), first);
  EXPECT_EQ(coordinator_->List(now_).jobs_size(), 1);
}

TEST_F(CoordinatorJobsTest, HoldsSoManyJobsAndNoMore) {
  for (int i = 0; i < 20; ++i) Submit();
  EXPECT_EQ(TrySubmit(Spec()).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(CoordinatorJobsTest, ListsJobsInOrderOfSubmission) {
  v1::JobSpec b = Spec(), a = Spec();
  b.set_name("b");
  a.set_name("a");
  Submit(b);
  Submit(a);
  const v1::ListJobsResponse list = coordinator_->List(now_);
  ASSERT_EQ(list.jobs_size(), 2);
  EXPECT_EQ(list.jobs(0).job_id(), "b-1");
  EXPECT_EQ(list.jobs(1).job_id(), "a-1");
}

TEST_F(CoordinatorJobsTest, UnknownJobsAreNotFound) {
  const auto not_found = absl::StatusCode::kNotFound;
  EXPECT_EQ(coordinator_->Get("x", now_).status().code(), not_found);
  EXPECT_EQ(coordinator_->Pause("x", now_).status().code(), not_found);
  EXPECT_EQ(coordinator_->Cancel("x", now_).status().code(), not_found);
  EXPECT_EQ(History("x").status().code(), not_found);
  EXPECT_EQ(coordinator_
                ->Watch(
                    "x", [](const auto&) {}, now_)
                .status()
                .code(),
            not_found);
  EXPECT_EQ(Fork("x", 0).status().code(), not_found);
  EXPECT_EQ(Evaluate("x", 0).status().code(), not_found);
}

TEST_F(CoordinatorJobsTest, ChangesOfStateFollowTheRules) {
  enum Call { kPause, kResume, kCancel };
  const auto make = [&](v1::JobState state) {
    const std::string job = Submit(Spec(1, 0));
    const auto changed = state == v1::PAUSED      ? coordinator_->Pause(job, now_)
                         : state == v1::CANCELLED ? coordinator_->Cancel(job, now_)
                                                  : coordinator_->Get(job, now_);
    EXPECT_TRUE(changed.ok()) << changed.status();
    return job;
  };
  const struct {
    v1::JobState from;
    Call call;
    bool allowed;
    v1::JobState to;
  } cases[] = {
      {v1::RUNNING, kPause, true, v1::PAUSED},       {v1::RUNNING, kResume, true, v1::RUNNING},
      {v1::RUNNING, kCancel, true, v1::CANCELLED},   {v1::PAUSED, kPause, true, v1::PAUSED},
      {v1::PAUSED, kResume, true, v1::RUNNING},      {v1::PAUSED, kCancel, true, v1::CANCELLED},
      {v1::CANCELLED, kPause, false, v1::CANCELLED}, {v1::CANCELLED, kResume, false, v1::CANCELLED},
      {v1::CANCELLED, kCancel, true, v1::CANCELLED},
  };
  for (const auto& c : cases) {
    const std::string job = make(c.from);
    const auto result = c.call == kPause    ? coordinator_->Pause(job, now_)
                        : c.call == kResume ? coordinator_->Resume(job, now_)
                                            : coordinator_->Cancel(job, now_);
    EXPECT_EQ(result.status().code(), c.allowed ? absl::StatusCode::kOk : absl::StatusCode::kFailedPrecondition)
        << v1::JobState_Name(c.from) << " call " << c.call << ": " << result.status();
    EXPECT_EQ(StatusOf(job).state(), c.to);
    Start();
    EXPECT_EQ(StatusOf(job).state(), c.to) << "after a restart";
  }
}

TEST_F(CoordinatorJobsTest, AChangeThatTheStoreRefusesDidNotHappen) {
  const std::string job = Submit();
  store_.refusal = absl::ResourceExhaustedError("disk full");
  EXPECT_EQ(coordinator_->Cancel(job, now_).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(StatusOf(job).state(), v1::RUNNING);
}

TEST_F(CoordinatorJobsTest, AWatcherSeesEveryGenerationAndTheEnd) {
  const std::string job = Submit(Spec(3, 0));
  std::vector<std::pair<int64_t, v1::JobState>> seen;
  ASSERT_TRUE(coordinator_
                  ->Watch(
                      job,
                      [&](const auto& s) {
                        seen.push_back({s.version(), s.state()});
                      },
                      now_)
                  .ok());
  Join("w");
  RunUntilIdle();
  EXPECT_THAT(seen, ElementsAre(std::pair(0, v1::RUNNING), std::pair(1, v1::RUNNING), std::pair(2, v1::RUNNING),
                                std::pair(3, v1::RUNNING), std::pair(3, v1::SUCCEEDED)));
}

TEST_F(CoordinatorJobsTest, AWatcherHearsThatAJobWaits) {
  const std::string job = Submit();
  Join("w");
  std::vector<std::string> notes;
  const auto id = coordinator_->Watch(
      job, [&](const auto& s) { notes.push_back(s.numeric_class_note()); }, now_);
  coordinator_->OnWorkerGone("w", now_);
  TickForSeconds(3);
  EXPECT_THAT(notes, ElementsAre("", "waiting: no worker"));
  coordinator_->Unwatch(*id);
  Join("w");
  coordinator_->OnTick(now_);
  EXPECT_EQ(notes.size(), 2u);
}

TEST_F(CoordinatorJobsTest, AnEndedJobIsShownOnce) {
  const std::string job = Submit();
  ASSERT_TRUE(coordinator_->Cancel(job, now_).ok());
  int calls = 0;
  ASSERT_TRUE(coordinator_
                  ->Watch(
                      job, [&](const auto&) { ++calls; }, now_)
                  .ok());
  coordinator_->OnTick(now_);
  EXPECT_EQ(calls, 1);
}

TEST_F(CoordinatorJobsTest, StatusCarriesRatesAndBytes) {
  const std::string job = Submit(Spec(10, 0));
  Join("w");
  RunTo(job, 5);
  coordinator_->CountBytes(job, 1000);
  const v1::JobStatus status = StatusOf(job);
  EXPECT_NEAR(status.evaluations_per_second(), 8 / 0.4, 1e-6);
  EXPECT_NEAR(status.eta_seconds(), 5 * 0.4, 1e-6);
  EXPECT_EQ(status.bytes_per_generation(), 200);
  EXPECT_EQ(status.last().generation(), 4);
}

TEST_F(CoordinatorJobsTest, RemembersTheBestVersion) {
  const std::string job = Submit();
  Join("w");
  RunUntilIdle();
  EXPECT_EQ(StatusOf(job).best().version(), 4);
  EXPECT_EQ(StatusOf(job).best().accuracy(), 0.75);
  EXPECT_EQ(StatusOf(job).last_validation().version(), 6);
  EXPECT_EQ(History(job)->generations_size(), 7);
}

TEST_F(CoordinatorJobsTest, AForkWithTheSameSpecComesToTheSameBits) {
  const std::string job = Submit(Spec(12));
  Join("w");
  RunTo(job, 7);
  for (const int64_t version : {0, 3, 7}) {
    const auto fork = Fork(job, version);
    ASSERT_TRUE(fork.ok()) << fork.status();
    EXPECT_EQ(fork->version(), version);
    EXPECT_EQ(fork->forked_from(), job + "@" + std::to_string(version));
  }
  Start();
  Join("w");
  RunUntilIdle();
  const v1::ListJobsResponse list = coordinator_->List(now_);
  for (const v1::JobStatus& status : list.jobs()) {
    EXPECT_EQ(status.state(), v1::SUCCEEDED);
    EXPECT_EQ(status.digest(), StatusOf(job).digest()) << status.job_id();
  }
}

TEST_F(CoordinatorJobsTest, AForkMayGoElsewhere) {
  const std::string job = Submit(Spec(8));
  Join("w");
  RunUntilIdle();
  v1::JobSpec spec = Spec(8);
  spec.mutable_strategy()->mutable_sgd();
  const auto fork = Fork(job, 5, spec);
  ASSERT_TRUE(fork.ok()) << fork.status();
  RunUntilIdle();
  EXPECT_EQ(StatusOf(fork->job_id()).state(), v1::SUCCEEDED);
  EXPECT_NE(StatusOf(fork->job_id()).digest(), StatusOf(job).digest());
}

TEST_F(CoordinatorJobsTest, RefusesForksThatMakeNoSense) {
  const std::string job = Submit(Spec(8));
  Join("w");
  RunTo(job, 4);
  v1::JobSpec larger = Spec(8);
  larger.mutable_sphere()->set_dimension(6);
  v1::JobSpec shorter = Spec(3);
  const struct {
    int64_t version;
    std::optional<v1::JobSpec> spec;
    const char* message;
  } cases[] = {
      {7, std::nullopt, "version: 7, expected 0 .. 4"},
      {-1, std::nullopt, "version: -1, expected 0 .. 4"},
      {8, std::nullopt, "generations: 8, expected more than"},
      {4, shorter, "generations: 3, expected more than the version forked at, 4"},
      {2, larger, "the task has 6 parameters"},
  };
  for (const auto& c : cases) {
    const auto fork = Fork(job, c.version, c.spec);
    EXPECT_EQ(fork.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(fork.status().message()), HasSubstr(c.message));
  }
}

TEST_F(CoordinatorJobsTest, EvaluatesTheBestVersionByDefault) {
  const std::string job = Submit();
  Join("w");
  RunUntilIdle();
  const auto progress = Evaluate(job, std::nullopt);
  ASSERT_TRUE(progress.ok()) << progress.status();
  const v1::EvaluationResult& result = progress->result();
  EXPECT_EQ(result.version(), 4);
  EXPECT_EQ(result.spec().split(), v1::EvaluationSpec::TEST);
  EXPECT_EQ(result.accuracy(), 0.75);
  EXPECT_NEAR(result.interval(), 1.96 * 0.125 * std::sqrt(10.0 / 9) / std::sqrt(10.0), 1e-9);
}

TEST_F(CoordinatorJobsTest, EvaluatesAnyVersionWithItsDigest) {
  const std::string job = Submit(Spec(8, 0));
  Join("w");
  std::vector<std::string> digests;
  for (int64_t v = 0; v <= 8; ++v) {
    RunTo(job, v);
    digests.push_back(StatusOf(job).digest());
  }
  RunUntilIdle();
  for (int64_t v = 0; v <= 8; ++v) {
    on_send_ = [&](const v1::CoordinatorMessage& message) {
      if (message.has_lease()) {
        EXPECT_EQ(message.lease().digest(), digests[v]);
      }
    };
    const auto progress = Evaluate(job, v);
    ASSERT_TRUE(progress.ok()) << progress.status();
    EXPECT_EQ(progress->result().version(), v);
  }
  EXPECT_EQ(Evaluate(job, 9).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Evaluate(job, -1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorJobsTest, WithoutValidationTheLastVersionIsEvaluated) {
  const std::string job = Submit(Spec(3, 0));
  Join("w");
  RunUntilIdle();
  EXPECT_EQ(Evaluate(job, std::nullopt)->result().version(), 3);
}

TEST_F(CoordinatorJobsTest, AnEvaluationSaysThatItWaits) {
  const std::string job = Submit(Spec(3, 0));
  Join("w");
  RunUntilIdle();
  coordinator_->OnWorkerGone("w", now_);
  v1::EvaluateJobRequest request;
  request.set_job_id(job);
  std::vector<std::string> notes;
  const auto id = coordinator_->Evaluate(
      request, [&](const auto& progress) { notes.push_back(progress->note()); }, now_);
  ASSERT_TRUE(id.ok());
  TickForSeconds(3);
  EXPECT_THAT(notes, ElementsAre("waiting: no worker"));
  Join("w");
  coordinator_->OnTick(now_);
  EXPECT_THAT(notes, ElementsAre("waiting: no worker", ""));
  RunUntilIdle();
  EXPECT_EQ(notes.back(), "");
}

TEST_F(CoordinatorJobsTest, ACancelledEvaluationIsHeardOfNoMore) {
  const std::string job = Submit(Spec(3, 0));
  Join("w");
  RunUntilIdle();
  v1::EvaluateJobRequest request;
  request.set_job_id(job);
  int calls = 0;
  const auto id = coordinator_->Evaluate(
      request, [&](const auto&) { ++calls; }, now_);
  ASSERT_TRUE(id.ok());
  coordinator_->CancelEvaluation(*id, now_);
  RunUntilIdle();
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace seedcast
