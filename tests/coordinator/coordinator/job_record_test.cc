#include "coordinator/job_record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace seedcast {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

v1::EvaluationResult Result(double accuracy, double fitness) {
  v1::EvaluationResult result;
  result.set_accuracy(accuracy);
  result.set_fitness(fitness);
  return result;
}

TEST(BetterTest, ByAccuracyElseByFitnessAndNaNNever) {
  const struct {
    v1::EvaluationResult a, b;
    bool better;
  } cases[] = {
      {Result(0.9, 0), Result(0.8, 9), true},      {Result(0.8, 9), Result(0.9, 0), false},
      {Result(0.8, 1), Result(0.8, 0), false},     {Result(kNaN, 2), Result(kNaN, 1), true},
      {Result(kNaN, 1), Result(kNaN, 2), false},   {Result(kNaN, kNaN), Result(kNaN, 1), false},
      {Result(kNaN, 1), Result(kNaN, kNaN), true}, {Result(kNaN, kNaN), Result(kNaN, kNaN), false},
      {Result(0.1, 0), Result(kNaN, 5), true},     {Result(kNaN, 5), Result(0.1, 0), false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Better(c.a, c.b), c.better) << c.a.ShortDebugString() << " against " << c.b.ShortDebugString();
  }
}

TEST(IsNewBestTest, LearnedOptimizersAreJudgedByFitness) {
  JobRecord job;
  job.row.spec.mutable_learned_optimizer();
  job.best = Result(0.9, 1.5);
  EXPECT_TRUE(IsNewBest(job, Result(0.8, 1.6)));
  EXPECT_FALSE(IsNewBest(job, Result(0.95, 1.4)));
  EXPECT_FALSE(IsNewBest(job, Result(0.95, kNaN)));
  job.best = Result(kNaN, kNaN);  // no episode of the first validation gave a fitness
  EXPECT_TRUE(IsNewBest(job, Result(0.1, -3)));
}

TEST(IsNewBestTest, TheNewestWinsWhereTheJobTrainsOnValidation) {
  JobRecord job;
  EXPECT_TRUE(IsNewBest(job, Result(0.5, 0)));
  job.best = Result(0.9, 0);
  EXPECT_FALSE(IsNewBest(job, Result(0.8, 0)));
  EXPECT_TRUE(IsNewBest(job, Result(0.95, 0)));
  job.row.spec.mutable_proto_net()->set_characters(v1::ProtoNetTask::TRAIN_AND_VALIDATION);
  EXPECT_TRUE(IsNewBest(job, Result(0.8, 0)));
}

TEST(SummariseTest, LeavesOutEpisodesWithoutAResult) {
  const v1::EvaluationResult result = Summarise({{-1, kNaN, -3}, {0.5f, kNaN, 1.0f}, 1, ""}, {}, 7);
  EXPECT_EQ(result.version(), 7);
  EXPECT_EQ(result.accuracy(), 0.75);
  EXPECT_EQ(result.fitness(), -2);
  EXPECT_NEAR(result.interval(), 1.96 * std::sqrt(0.125) / std::sqrt(2.0), 1e-12);
}

TEST(SummariseTest, ATaskWithoutAccuracyHasTheIntervalOfItsFitness) {
  const v1::EvaluationResult result = Summarise({{1, 3}, {kNaN, kNaN}, 0, ""}, {}, 0);
  EXPECT_TRUE(std::isnan(result.accuracy()));
  EXPECT_NEAR(result.interval(), 1.96 * std::sqrt(2.0) / std::sqrt(2.0), 1e-12);
}

}  // namespace
}  // namespace seedcast
