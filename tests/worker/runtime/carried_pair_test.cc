// Estimators with carried state: whatever a worker has kept, lost or never had, a pair's fitness is that of a serial
// walk through all generations.
#include "worker/runtime/carried_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "common/spec/resolve.h"
#include "tests/testing/chained_task.h"
#include "tests/testing/serial_training.h"

namespace seedcast {
namespace {

constexpr int64_t kGenerations = 40;
constexpr int64_t kPairs = 5;
constexpr int kClusters = 2;

struct Case {
  std::string name;
  v1::Strategy::Estimator estimator;
  v1::Unroll::Lengths lengths;
  int count;
  int restarts;
  int fails_once_in;
};

v1::JobSpec Job(const Case& c) {
  v1::JobSpec spec;
  spec.set_generations(kGenerations);
  for (const char* name : {"a", "b"}) {
    v1::LearnedOptimizerTask::Cluster& cluster = *spec.mutable_learned_optimizer()->add_clusters();
    cluster.set_name(name);
    cluster.add_problems("bowl");
  }
  v1::Unroll& unroll = *spec.mutable_learned_optimizer()->mutable_unroll();
  unroll.set_lengths(c.lengths);
  unroll.set_count(c.count);
  unroll.set_restarts(c.restarts);
  spec.mutable_strategy()->set_population_size(2 * kPairs);
  spec.mutable_strategy()->set_estimator(c.estimator);
  return *Resolve(spec);
}

class CarriedPairTest : public ::testing::TestWithParam<Case> {
 protected:
  CarriedPairTest()
      : spec_(std::make_shared<const v1::JobSpec>(Job(GetParam()))),
        task_(std::make_shared<ChainedTask>(*spec_, ChainedTaskOptions{.fails_once_in = GetParam().fails_once_in})) {
    SerialTraining serial(*spec_, *task_);
    std::vector<float> theta = task_->InitialTheta();
    for (int64_t g = 0; g < kGenerations; ++g) {
      thetas_.push_back(theta);
      expected_.push_back(serial.Next(theta));
      for (float& value : theta) value += 0.03f * static_cast<float>((g * 7 + 3) % 5 - 2);
    }
  }

  LeaseWork Work(int64_t generation, int cluster, int64_t first, int32_t count) {
    LeaseWork work;
    work.spec = spec_;
    work.task = task_;
    work.lease.set_version(generation);
    work.lease.mutable_pairs()->set_cluster(cluster);
    work.lease.mutable_pairs()->set_first_pair(first);
    work.lease.mutable_pairs()->set_count(count);
    work.state = std::make_shared<State>(State{generation, thetas_[generation], {}, {}});
    ThetaHistory history{OldestReset(*spec_, generation)};
    for (int64_t g = history.first; g < generation; ++g) {
      history.thetas.push_back(std::make_shared<const std::vector<float>>(thetas_[g]));
    }
    work.history = std::make_shared<const ThetaHistory>(std::move(history));
    work.inner_states = states_.get();
    work.job = 1;
    return work;
  }

  // Works on these pairs and compares with the serial walk.
  void Check(int64_t generation, int cluster, int64_t first, int32_t count) {
    SCOPED_TRACE(testing::Message() << "generation " << generation << ", cluster " << cluster << ", pairs " << first
                                    << " and on");
    v1::LeaseResult result;
    ASSERT_TRUE(evaluator_.Run(Work(generation, cluster, first, count), &control_, &result));
    ASSERT_EQ(result.fitness_size(), 2 * count);
    int failed = 0;
    for (int i = 0; i < 2 * count; ++i) {
      const float expected = expected_[generation].fitness[cluster * 2 * kPairs + 2 * first + i];
      failed += std::isnan(expected);
      EXPECT_TRUE(result.fitness(i) == expected || (std::isnan(result.fitness(i)) && std::isnan(expected)))
          << result.fitness(i) << ", expected " << expected;
    }
    EXPECT_EQ(result.failed_size(), failed);
    if (GetParam().estimator == v1::Strategy::GRADIENT) CheckGradient(result, generation, cluster, first);
  }

  void CheckGradient(const v1::LeaseResult& result, int64_t generation, int cluster, int64_t first) {
    const int64_t size = task_->num_parameters();
    ASSERT_EQ(result.gradient_size(), result.fitness_size() / 2 * size);
    for (int i = 0; i < result.gradient_size(); ++i) {
      const std::vector<float>& pair = expected_[generation].gradients[cluster * kPairs + first + i / size];
      EXPECT_EQ(result.gradient(i), pair.empty() ? 0 : pair[i % size]);
    }
  }

  std::shared_ptr<const v1::JobSpec> spec_;
  std::shared_ptr<ChainedTask> task_;
  std::vector<std::vector<float>> thetas_;
  std::vector<SerialTraining::Generation> expected_;
  std::unique_ptr<InnerStates> states_ = std::make_unique<InnerStates>(1 << 20);
  LeaseEvaluator evaluator_;
  LeaseControl control_;
};

TEST_P(CarriedPairTest, NothingIsUnrolledTwiceByWhoeverDoesAllOfIt) {
  for (int64_t g = 0; g < kGenerations; ++g) {
    for (int cluster = 0; cluster < kClusters; ++cluster) Check(g, cluster, 0, kPairs);
  }
  EXPECT_EQ(states_->stats().rebuilt_states, 0);
  EXPECT_GT(states_->stats().hits, 0);
  EXPECT_EQ(states_->stats().bytes, 0) << "after the last generation nothing is kept";
}

TEST_P(CarriedPairTest, WhatIsLostIsRebuiltToTheSameBits) {
  states_ = std::make_unique<InnerStates>(0);
  for (int64_t g = 0; g < kGenerations; g += 3) {
    for (int cluster = 0; cluster < kClusters; ++cluster) Check(g, cluster, 1, kPairs - 1);
  }
  EXPECT_GT(states_->stats().rebuilt_states, 0);
  EXPECT_GE(states_->stats().rebuilt_generations, states_->stats().rebuilt_states);
}

TEST_P(CarriedPairTest, GenerationsThatOthersDidAreMadeUpFor) {
  std::mt19937 random(3);
  for (int64_t g = 0; g < kGenerations; ++g) {
    for (int64_t pair = 0; pair < kPairs; ++pair) {
      if (random() % 2 == 0) Check(g, static_cast<int>(random() % kClusters), pair, 1);
    }
  }
  EXPECT_GT(states_->stats().rebuilt_states, 0);
  EXPECT_GT(states_->stats().hits, 0);
}

TEST_P(CarriedPairTest, APairThatIsAskedForAgainGivesTheSame) {
  for (int64_t g = 0; g < 12; ++g) {
    Check(g, 0, 2, 1);
    Check(g, 0, 2, 1);
  }
}

TEST_P(CarriedPairTest, AStaleLeaseDoesNotSpoilWhatIsKept) {
  for (int64_t g = 0; g < 12; ++g) Check(g, 0, 0, 1);
  const int64_t rebuilt = states_->stats().rebuilt_states;
  Check(7, 0, 0, 1);
  const int64_t after_stale = states_->stats().rebuilt_states;
  EXPECT_LE(after_stale, rebuilt + 1);
  Check(12, 0, 0, 1);
  EXPECT_EQ(states_->stats().rebuilt_states, after_stale) << "the newer state was still there";
}

TEST_P(CarriedPairTest, CancelledWhileItRebuildsItKeepsWhatItHas) {
  const int64_t generation = [&] {  // one that needs the past
    for (int64_t g = 1;; ++g) {
      if (g - ResetGeneration(*spec_, g, 0) >= 1) return g;
    }
  }();
  control_.cancelled = true;
  v1::LeaseResult result;
  LeaseWork work = Work(generation, 0, 0, 1);
  std::unique_ptr<Evaluator> evaluator = task_->NewEvaluator();
  Perturbation perturbation;
  EXPECT_FALSE(CarriedPair(work, 0, evaluator.get(), &perturbation).Run(control_.cancelled, &result));
  EXPECT_EQ(result.fitness_size(), 0);
  EXPECT_GT(states_->stats().bytes, 0);
  control_.cancelled = false;
  Check(generation, 0, 0, 1);
}

constexpr auto kFixed = v1::Unroll::FIXED;
constexpr auto kExponential = v1::Unroll::EXPONENTIAL;
INSTANTIATE_TEST_SUITE_P(Estimators, CarriedPairTest,
                         ::testing::Values(Case{"TruncatedES", v1::Strategy::TRUNCATED_ES, kFixed, 6, 1, 0},
                                           Case{"PES", v1::Strategy::PES, kFixed, 6, 1, 0},
                                           Case{"NRES", v1::Strategy::NRES, kFixed, 6, 1, 0},
                                           Case{"Gradient", v1::Strategy::GRADIENT, kFixed, 6, 1, 0},
                                           Case{"TruncatedESFailing", v1::Strategy::TRUNCATED_ES, kFixed, 8, 1, 7},
                                           Case{"PESFailing", v1::Strategy::PES, kFixed, 8, 1, 7},
                                           Case{"GradientFailing", v1::Strategy::GRADIENT, kFixed, 8, 1, 7},
                                           Case{"PESRestarting", v1::Strategy::PES, kFixed, 3, 3, 0},
                                           Case{"NRESRestarting", v1::Strategy::NRES, kFixed, 3, 3, 9},
                                           Case{"PESExponential", v1::Strategy::PES, kExponential, 4, 2, 0},
                                           Case{"NRESExponential", v1::Strategy::NRES, kExponential, 4, 1, 0}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace seedcast
