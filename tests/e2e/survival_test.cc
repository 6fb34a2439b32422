// Coordinator and workers are killed and stopped in the middle of jobs: the bits stay the same.
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "tests/e2e/cluster.h"
#include "tests/e2e/shell.h"
#include "tests/testing/read_text.h"

namespace seedcast {
namespace {

class SurvivalTest : public ClusterTest {
 protected:
  // kill -9 of each worker and of the coordinator in turn, spread over the job.
  void SurvivesKillsOfEach(const v1::SubmitJobRequest& request) {
    const int64_t generations = request.spec().generations();
    StartCoordinator();
    std::unique_ptr<Process> workers[] = {StartWorker("w0"), StartWorker("w1")};
    const std::string job_id = Submit(request);
    for (int w = 0; w < 2; ++w) {
      WatchTo(job_id, generations * (w + 1) / 5);
      workers[w]->Signal(SIGKILL);
      workers[w] = StartWorker("w" + std::to_string(w));
    }
    for (const int fifths : {3, 4}) {
      const v1::JobStatus before = WatchTo(job_id, generations * fifths / 5);
      EXPECT_EQ(before.state(), v1::RUNNING) << "too quick to be disturbed";
      coordinator_->Signal(SIGKILL);
      EXPECT_EQ(coordinator_->Wait(), -SIGKILL);
      StartCoordinator();
      EXPECT_NE(coordinator_->WaitForLine("jobs=1"), "");
      EXPECT_GE(WatchTo(job_id, 0).version(), before.version()) << "what was reported is kept";
    }
    EXPECT_EQ(WatchToTheEnd(job_id).digest(), UndisturbedDigest(request));
  }
};

TEST_F(SurvivalTest, ASphereJobEndsWithTheSameDigest) { SurvivesKillsOfEach(SphereJob(1500)); }

TEST_F(SurvivalTest, AProtoNetJobEndsWithTheSameDigest) { SurvivesKillsOfEach(GlyphsJob(120)); }

// The digest with which the same job ends in `seedcast run`; empty where it does not.
std::string DigestOfSeedcastRun(const std::string& job, const std::string& directory) {
  const ShellResult run = Shell("export XDG_CACHE_HOME=" + directory + "/cache\n$CLI run " + job + " --store " +
                                directory + " --test-episodes 0 --json 2>" + directory + ".err");
  EXPECT_EQ(run.exit_code, 0) << ReadText(directory + ".err");
  const std::string key = "\"digest\": \"";
  const size_t at = run.output.find(key);
  return at == std::string::npos ? "" : run.output.substr(at + key.size(), 64);
}

TEST_F(SurvivalTest, WorkersOfUnlikeKernelsEndWithTheDigestOfSeedcastRun) {
  if (!__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    GTEST_SKIP() << "the best kernels of this processor are those of AVX2";
  }
  const std::string job = directory_ / "job.yaml";
  std::ofstream(job) << "name: glyphs\n"
                        "proto_net: {dataset: GLYPHS, way: 5, filters: 16}\n"
                        "strategy: {population_size: 64}\n"
                        "validation: {every: 20, episodes: {episodes: 20}}\n"
                        "generations: 60\n";
  StartCoordinator();
  const std::unique_ptr<Process> best = StartWorker("best");
  const std::unique_ptr<Process> avx2 = StartWorker("avx2", {"--kernels", "avx2"});
  ASSERT_THAT(Shell("$CLI submit " + job + " --coordinator " + Address()).output,
              ::testing::HasSubstr("submitted glyphs-1\n"));
  WatchTo("glyphs-1", 20);  // of both
  best->Signal(SIGKILL);    // the rest is of one alone
  const std::string digest = WatchToTheEnd("glyphs-1").digest();
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(digest, DigestOfSeedcastRun(job, directory_ / "undisturbed"));
}

class CarriedStateTest : public SurvivalTest, public ::testing::WithParamInterface<v1::Strategy::Estimator> {};

TEST_P(CarriedStateTest, EndsWithTheSameDigest) { SurvivesKillsOfEach(InfluenceJob(500, GetParam())); }

constexpr auto NameOf = [](const auto& info) { return v1::Strategy::Estimator_Name(info.param); };
INSTANTIATE_TEST_SUITE_P(Estimators, CarriedStateTest,
                         ::testing::Values(v1::Strategy::TRUNCATED_ES, v1::Strategy::PES, v1::Strategy::NRES,
                                           v1::Strategy::GRADIENT),
                         NameOf);

class LearnedOptimizerSurvivalTest : public CarriedStateTest {};

TEST_P(LearnedOptimizerSurvivalTest, EndsWithTheSameDigest) {
  SurvivesKillsOfEach(LearnedOptimizerJob(300, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Estimators, LearnedOptimizerSurvivalTest,
                         ::testing::Values(v1::Strategy::FULL_ES, v1::Strategy::TRUNCATED_ES, v1::Strategy::PES,
                                           v1::Strategy::NRES, v1::Strategy::GRADIENT),
                         NameOf);

TEST_F(SurvivalTest, ACoordinatorThatIsStoppedExitsCleanlyAndGoesOn) {
  const v1::SubmitJobRequest request = SphereJob(1000);
  StartCoordinator();
  const std::unique_ptr<Process> worker = StartWorker("w0");
  const std::string job_id = Submit(request);
  WatchTo(job_id, 300);
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(), 0) << coordinator_->Output();
  StartCoordinator();
  EXPECT_EQ(WatchToTheEnd(job_id).digest(), UndisturbedDigest(request));
}

TEST_F(SurvivalTest, AWorkerThatIsStoppedHandsInItsWork) {
  const v1::SubmitJobRequest request = SphereJob(1000);
  StartCoordinator();
  const std::unique_ptr<Process> leaving = StartWorker("w0");
  const std::unique_ptr<Process> staying = StartWorker("w1");
  const std::string job_id = Submit(request);
  WatchTo(job_id, 200);
  leaving->Signal(SIGTERM);
  EXPECT_EQ(leaving->Wait(), 0) << leaving->Output();
  EXPECT_EQ(WatchToTheEnd(job_id).digest(), UndisturbedDigest(request));
  staying->Signal(SIGINT);
  EXPECT_EQ(staying->Wait(), 0) << staying->Output();
}

}  // namespace
}  // namespace seedcast
