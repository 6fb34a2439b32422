#include "worker/tasks/learned_optimizer/instances.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "worker/tasks/learned_optimizer/catalogue.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {
namespace {

std::unique_ptr<Problem> Made(const std::string& expression) { return *MakeProblem(expression, {}, 1, 2, 3); }

InstanceGroup Pair(uint32_t pair) { return {InstancePurpose::kTraining, 0, pair, 0}; }

GroupProblems One(std::unique_ptr<Problem> problem) {
  GroupProblems problems;
  problems[0] = std::move(problem);
  return problems;
}

TEST(InstancePoolTest, GivesWhatWasPutOnce) {
  InstancePool pool(1 << 20);
  auto problem = Made("quadratic(20)");
  const Problem* const address = problem.get();
  const int64_t bytes = problem->Bytes();
  pool.Put(Pair(1), One(std::move(problem)));
  EXPECT_EQ(pool.Bytes(), bytes);
  EXPECT_TRUE(pool.Take(Pair(2)).empty());
  EXPECT_EQ(pool.Take(Pair(1)).at(0).get(), address);
  EXPECT_TRUE(pool.Take(Pair(1)).empty()) << "it has one owner";
  EXPECT_EQ(pool.Bytes(), 0);
}

TEST(InstancePoolTest, BeyondItsBoundsTheOldestGo) {
  InstancePool pool(2 * Made("quadratic(50)")->Bytes());
  for (const uint32_t pair : {1, 2, 1, 3}) pool.Put(Pair(pair), One(Made("quadratic(50)")));
  EXPECT_TRUE(pool.Take(Pair(2)).empty());
  EXPECT_FALSE(pool.Take(Pair(1)).empty());
  EXPECT_FALSE(pool.Take(Pair(3)).empty());
  pool.Put(Pair(4), One(Made("quadratic(100)")));
  EXPECT_EQ(pool.Bytes(), 0) << "larger than all of it";
}

class InstancesTest : public ::testing::Test {
 protected:
  InstancesTest() {
    setting_.spec.set_seed(1);
    setting_.clusters = {{"a", {"quadratic(5)", "quadratic(6)"}}};
    setting_.pool = std::make_unique<InstancePool>(1 << 20);
    setting_.spec.mutable_learned_optimizer();
  }
  void Carry() { setting_.spec.mutable_strategy()->set_estimator(v1::Strategy::PES); }
  const Problem* Find(Instances& instances, const InstanceGroup& group, int problem) const {
    return &(*instances.Find(theta_, group, problem))->problem();
  }

  LearnedOptimizerSetting setting_;
  const std::vector<float> theta_ = std::vector<float>(kHrnnParameters);
};

TEST_F(InstancesTest, APairWithCarriedStateMeetsItsInstancesAgain) {
  Carry();
  Instances one(setting_), other(setting_);
  const Problem* const first = Find(one, Pair(1), 0);
  const Problem* const second = Find(one, Pair(1), 1);
  EXPECT_EQ(Find(one, Pair(1), 0), first);
  Find(one, Pair(2), 0);
  EXPECT_EQ(Find(other, Pair(1), 1), second) << "in another slot, too";
  Find(other, Pair(3), 0);
  EXPECT_EQ(Find(one, Pair(1), 0), first) << "though the other slot asked for one of the two only";
}

TEST_F(InstancesTest, TooManyForTheMemoryAreMadeAgain) {
  setting_.clusters[0].problems = {"quadratic(20)", "quadratic(21)", "quadratic(22)"};
  setting_.most_bytes = Made("quadratic(22)")->Bytes();
  Instances instances(setting_);
  for (int round = 0; round < 2; ++round) {
    for (int problem = 0; problem < 3; ++problem) {
      std::vector<float> start(20 + problem), expected(20 + problem);
      Find(instances, Pair(1), problem)->InitialParameters(0, absl::MakeSpan(start));
      Instances others(setting_);
      Find(others, Pair(1), problem)->InitialParameters(0, absl::MakeSpan(expected));
      EXPECT_EQ(start, expected) << problem;
      EXPECT_LT(instances.Bytes(), 2.5 * static_cast<double>(setting_.most_bytes));
    }
  }
}

TEST_F(InstancesTest, WhatNobodyWillAskForAgainIsNotKept) {
  Instances instances(setting_);
  Find(instances, Pair(1), 0);
  Find(instances, Pair(2), 0);
  EXPECT_EQ(setting_.pool->Bytes(), 0);
  Find(instances, {InstancePurpose::kValidation, 0, 0, 0}, 0);
  Find(instances, Pair(3), 0);
  EXPECT_GT(setting_.pool->Bytes(), 0);
}

}  // namespace
}  // namespace seedcast
