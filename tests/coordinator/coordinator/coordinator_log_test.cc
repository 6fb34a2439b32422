#include <limits>
#include <numeric>

#include "common/strategy/state.h"
#include "tests/coordinator/coordinator/coordinator_fixture.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CoordinatorLogTest : public CoordinatorTest {
 protected:
  std::vector<v1::GenerationRecord> LogOf(const std::string& job_id) {
    return *store_.ReadLog(job_id, 0, std::numeric_limits<int64_t>::max(), 1'000'000);
  }
};

TEST_F(CoordinatorLogTest, WorkersHearOfAGenerationOnceItIsInTheLog) {
  const std::string job = Submit();
  size_t closed = 0;
  on_send_ = [&](const v1::CoordinatorMessage& message) {
    if (!message.has_generation_closed()) return;
    ++closed;
    EXPECT_EQ(LogOf(job).size(), closed);
    EXPECT_EQ(message.generation_closed().generation(), static_cast<int64_t>(closed) - 1);
    EXPECT_EQ(message.generation_closed().fitness_size(), 8);
  };
  Join("w");
  RunUntilIdle();
  EXPECT_EQ(closed, 6u);
}

TEST_F(CoordinatorLogTest, ARecordHoldsFitnessDigestAndMetrics) {
  const std::string job = Submit();
  const std::string first_digest = StatusOf(job).digest();
  Join("w");
  RunTo(job, 1);
  const v1::GenerationRecord record = LogOf(job).at(0);
  for (int m = 0; m < 8; ++m) EXPECT_EQ(record.fitness(m), FitnessOf(0, m));
  Digest digest;
  ASSERT_TRUE(FromBytes(record.state_digest(), &digest));
  EXPECT_EQ(ToHex(digest), first_digest);
  EXPECT_EQ(record.metrics().fitness_max(), 15);
  EXPECT_EQ(record.metrics().fitness_min(), 0);
  EXPECT_NEAR(record.metrics().seconds(), 0.4, 1e-9);
  EXPECT_GT(StatusOf(job).last().estimate_norm(), 0);
}

TEST_F(CoordinatorLogTest, TheLogOfAJobThatSucceededIsClosed) {
  const std::string job = Submit();
  Join("w");
  RunUntilIdle();
  EXPECT_EQ(StatusOf(job).state(), v1::SUCCEEDED);
  const std::vector<v1::GenerationRecord> log = LogOf(job);
  ASSERT_EQ(log.size(), 7u);
  EXPECT_EQ(log.back().generation(), 6);
  EXPECT_EQ(log.back().fitness_size(), 0);
  EXPECT_TRUE(log.back().metrics().has_validation());
  Digest digest;
  ASSERT_TRUE(FromBytes(log.back().state_digest(), &digest));
  EXPECT_EQ(ToHex(digest), StatusOf(job).digest());
}

TEST_F(CoordinatorLogTest, ARestartGoesOnToTheSameBits) {
  const std::string straight = Submit(Spec(9));
  const std::string broken = Submit(Spec(9));
  Join("w");
  for (int restart = 0; restart < 20; ++restart) {
    for (int i = 0; i < 7; ++i) Step();
    Start();
    Join("w");
  }
  RunUntilIdle();
  EXPECT_EQ(StatusOf(straight).state(), v1::SUCCEEDED);
  EXPECT_EQ(StatusOf(straight).digest(), StatusOf(broken).digest());
  const std::string undisturbed = Submit(Spec(9));
  RunUntilIdle();
  EXPECT_EQ(StatusOf(undisturbed).digest(), StatusOf(broken).digest());
}

TEST_F(CoordinatorLogTest, ARestartRemembersTheSums) {
  const std::string job = Submit(Spec(9));
  Join("w");
  RunTo(job, 5);
  const v1::JobStatus before = StatusOf(job);
  Start();
  const v1::JobStatus after = StatusOf(job);
  EXPECT_EQ(after.version(), before.version());
  EXPECT_EQ(after.digest(), before.digest());
  EXPECT_EQ(after.best().version(), before.best().version());
  EXPECT_EQ(after.last_validation().SerializeAsString(), before.last_validation().SerializeAsString());
  EXPECT_DOUBLE_EQ(after.running_seconds(), before.running_seconds());
  EXPECT_DOUBLE_EQ(after.evaluations_per_second(), before.evaluations_per_second());
  EXPECT_EQ(after.num_parameters(), 5);
  EXPECT_EQ(after.dataset(), before.dataset());
}

TEST_F(CoordinatorLogTest, TheHistoryKnowsTheNormOfEveryEstimate) {
  const std::string job = Submit(Spec(9, 0));
  Join("w");
  std::vector<double> norms;
  for (int64_t version = 1; version < 9; ++version) {
    RunTo(job, version);
    norms.push_back(StatusOf(job).last().estimate_norm());
    if (version % 3 == 0) {
      Start();
      Join("w");
      EXPECT_EQ(StatusOf(job).last().estimate_norm(), norms.back()) << "replay computes it again";
    }
    const v1::GetHistoryResponse history = *History(job);
    ASSERT_EQ(history.generations_size(), version);
    for (int64_t g = 0; g < version; ++g) {
      EXPECT_GT(norms[g], 0);
      EXPECT_EQ(history.generations(static_cast<int>(g)).estimate_norm(), norms[g]) << "generation " << g;
    }
  }
  RunUntilIdle();
  const v1::GetHistoryResponse history = *History(job);
  ASSERT_EQ(history.generations_size(), 10);
  EXPECT_GT(history.generations(8).estimate_norm(), 0);
  EXPECT_EQ(history.generations(9).estimate_norm(), 0) << "the record that closes the log has no update";
}

TEST_F(CoordinatorLogTest, MetricsAreTheHistorys) {
  const std::string job = Submit(Spec(9, 2));
  Join("w");
  for (const int64_t version : {1, 4, 9}) {
    RunTo(job, version);
    if (version == 9) RunUntilIdle();
    const v1::GetHistoryResponse history = *History(job);
    std::vector<int64_t> generations(version + 2);  // and some that are not there
    std::iota(generations.begin(), generations.end(), 0);
    const auto metrics = coordinator_->Metrics(job, generations);
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    ASSERT_EQ(static_cast<int>(metrics->size()), history.generations_size());
    for (int g = 0; g < history.generations_size(); ++g) {
      EXPECT_EQ((*metrics)[g].SerializeAsString(), history.generations(g).SerializeAsString()) << "generation " << g;
    }
  }
}

TEST_F(CoordinatorLogTest, ALongHistoryComesInPages) {
  v1::JobSpec spec = Spec(40, 0);
  spec.mutable_strategy()->set_population_size(1 << 16);
  const std::string job = Submit(spec);
  Join("w");
  RunUntilIdle();
  int pages = 0;
  std::vector<v1::GenerationMetrics> generations;
  for (int64_t from = 0; from >= 0;) {
    const v1::GetHistoryResponse page = *History(job, from);
    ++pages;
    EXPECT_LT(page.generations_size(), 20) << "records of 256 KiB each";
    generations.insert(generations.end(), page.generations().begin(), page.generations().end());
    from = page.has_next_generation() ? page.next_generation() : -1;
  }
  EXPECT_GT(pages, 2);
  ASSERT_EQ(generations.size(), 41u);
  for (int64_t g = 0; g < 41; ++g) {
    EXPECT_EQ(generations[g].generation(), g);
    EXPECT_EQ(generations[g].estimate_norm() > 0, g < 40) << "generation " << g;
  }
}

TEST_F(CoordinatorLogTest, ARestartKnowsTheSizeOfEndedJobsWithoutTheirTask) {
  const std::string job = Submit();
  Join("w");
  RunUntilIdle();
  Start();
  EXPECT_EQ(coordinator_->List(now_).jobs(0).num_parameters(), 5);
}

TEST_F(CoordinatorLogTest, ARestartKnowsTheLastEstimateOfAJobThatSucceeded) {
  const std::string job = Submit();
  Join("w");
  RunUntilIdle();
  const double norm = StatusOf(job).last().estimate_norm();
  EXPECT_GT(norm, 0);
  Start();
  EXPECT_EQ(StatusOf(job).last().estimate_norm(), norm);
}

TEST_F(CoordinatorLogTest, EndedJobsStayAsTheyAre) {
  const std::string done = Submit();
  Join("w");
  RunUntilIdle();
  const std::string cancelled = Submit();
  RunTo(cancelled, 2);
  const v1::JobStatus at_cancel = *coordinator_->Cancel(cancelled, now_);
  const v1::JobStatus at_end = StatusOf(done);
  Start();
  EXPECT_EQ(StatusOf(done).state(), v1::SUCCEEDED);
  EXPECT_EQ(StatusOf(done).digest(), at_end.digest());
  EXPECT_EQ(StatusOf(cancelled).state(), v1::CANCELLED);
  EXPECT_EQ(StatusOf(cancelled).digest(), at_cancel.digest());
}

TEST_F(CoordinatorLogTest, AJobWaitsWhileTheStoreRefuses) {
  const std::string job = Submit();
  Join("w");
  RunTo(job, 2);
  store_.refusal = absl::ResourceExhaustedError("disk full");
  RunUntilIdle();
  EXPECT_EQ(StatusOf(job).version(), 2);
  EXPECT_EQ(StatusOf(job).state(), v1::RUNNING);
  EXPECT_THAT(StatusOf(job).message(), HasSubstr("disk full"));
  now_ += absl::Seconds(4);
  coordinator_->OnTick(now_);
  EXPECT_EQ(StatusOf(job).version(), 2);
  store_.refusal = absl::OkStatus();
  now_ += absl::Seconds(4);
  coordinator_->OnTick(now_);
  EXPECT_EQ(StatusOf(job).version(), 3);
  EXPECT_EQ(StatusOf(job).message(), "");
  RunUntilIdle();
  EXPECT_EQ(StatusOf(job).state(), v1::SUCCEEDED);
}

// Without it a restart would take on workers whose units compute other bits.
TEST_F(CoordinatorLogTest, TheFirstWorkersProofIsSavedBeforeWhatItMeasured) {
  v1::JobSpec spec = Spec();
  spec.set_numeric_class(v1::BF16_AMX);
  const std::string job = Submit(spec);
  v1::Hello hello = HelloOf("w");
  hello.mutable_proofs(0)->set_numeric_class(v1::BF16_AMX);
  hello.mutable_proofs(0)->set_digest("first");
  store_.refusal = absl::ResourceExhaustedError("disk full");
  ASSERT_TRUE(coordinator_->OnHello(hello, now_).ok());
  EXPECT_EQ(store_.ReadJobs()->at(0).proof, "");
  store_.refusal = absl::OkStatus();
  RunTo(job, 1);
  EXPECT_EQ(store_.ReadJobs()->at(0).proof, "first");
}

TEST_F(CoordinatorLogTest, ReadsFewRecordsOfALargePopulationAtATime) {
  v1::JobSpec spec = Spec();
  spec.mutable_strategy()->set_population_size(1 << 20);
  const std::string job = Submit(spec);
  store_.largest_limit = 0;
  Start();
  ASSERT_TRUE(History(job).ok());
  EXPECT_GT(store_.largest_limit, 0);
  EXPECT_LE(store_.largest_limit, 4) << "records of 4 MiB each";
}

TEST_F(CoordinatorLogTest, DataThatIsMissingAtARestartMayComeLater) {
  const std::string job = Submit();
  no_task_ = absl::NotFoundError("the data is gone");
  Start();
  EXPECT_EQ(StatusOf(job).state(), v1::RUNNING);
  EXPECT_EQ(StatusOf(job).dataset(), "(data set not here)");
  no_task_ = absl::OkStatus();
  EXPECT_EQ(StatusOf(job).dataset(), "sphere, dimension 5");
}

TEST_F(CoordinatorLogTest, ADamagedLogStopsOnlyItsJob) {
  const std::string job = Submit(Spec(20));
  Join("w");
  RunTo(job, 6);
  const std::string other = Submit(Spec(3));
  store_.damaged_generation = 4;
  Start();
  EXPECT_EQ(StatusOf(job).state(), v1::FAILED);
  EXPECT_THAT(StatusOf(job).message(), HasSubstr("generation 4 of the log: chain"));
  EXPECT_EQ(StatusOf(job).digest(), "") << "nobody knows it";
  Join("w");
  RunTo(other, 3);
  store_.damaged_generation = -1;
  Start();
  EXPECT_EQ(StatusOf(job).state(), v1::RUNNING) << "the store itself was not touched";
}

TEST_F(CoordinatorLogTest, KeepsTheFirstTheBestAndTheNewestSnapshots) {
  v1::JobSpec spec = Spec(20);
  spec.set_snapshot_every(3);
  const std::string job = Submit(spec);
  Join("w");
  RunUntilIdle();
  EXPECT_THAT(*store_.SnapshotVersions(job), ElementsAre(0, 4, 15, 18, 20));
}

v1::GetSnapshotRequest SnapshotRequest(const std::string& job, int64_t at_or_below_version) {
  v1::GetSnapshotRequest request;
  request.set_job_id(job);
  request.set_at_or_below_version(at_or_below_version);
  return request;
}

TEST_F(CoordinatorLogTest, ServesTheCurrentVersionAsASnapshot) {
  const std::string job = Submit(Spec(20));
  Join("w");
  RunTo(job, 7);
  const auto current = coordinator_->ReadSnapshot(SnapshotRequest(job, 100));
  ASSERT_TRUE(current.ok());
  EXPECT_EQ(current->version, 7);
  EXPECT_EQ(ToHex(StateDigest(*ParseState(*current->bytes))), StatusOf(job).digest());
  EXPECT_EQ(coordinator_->ReadSnapshot(SnapshotRequest(job, 6))->version, 4);
  EXPECT_EQ(coordinator_->ReadSnapshot(SnapshotRequest("nobody", 6)).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorLogTest, HasTheBytesOfAVersionOnceWhileTheyAreRead) {
  const std::string job = Submit(Spec(20));
  Join("w");
  RunTo(job, 7);
  const v1::GetSnapshotRequest request = SnapshotRequest(job, 100);
  const auto one = *coordinator_->ReadSnapshot(request), other = *coordinator_->ReadSnapshot(request);
  EXPECT_EQ(one.bytes, other.bytes);
  RunTo(job, 8);
  const auto next = *coordinator_->ReadSnapshot(request);
  EXPECT_EQ(ParseState(*next.bytes)->version, 8);
  EXPECT_EQ(ParseState(*one.bytes)->version, 7) << "whoever reads it is not disturbed";
}

TEST_F(CoordinatorLogTest, ServesTheLogInPieces) {
  const std::string job = Submit();
  Join("w");
  RunUntilIdle();
  v1::GetLogRequest request;
  request.set_job_id(job);
  request.set_from_generation(1);
  EXPECT_EQ(coordinator_->Log(request, 100)->size(), 6u);
  EXPECT_EQ(coordinator_->Log(request, 2)->size(), 2u);
  request.set_to_generation(3);
  EXPECT_EQ(coordinator_->Log(request, 100)->size(), 2u);
}

}  // namespace
}  // namespace seedcast
