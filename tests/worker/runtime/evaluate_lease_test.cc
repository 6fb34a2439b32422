#include "worker/runtime/evaluate_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/noise/noise.h"
#include "common/spec/resolve.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kParameters = 300;

// What an evaluation returned is a fingerprint of all that it was given.
float Fingerprint(absl::Span<const float> theta, int64_t generation, int64_t pair) {
  float sum = static_cast<float>(generation) + 0.5f * static_cast<float>(pair);
  for (size_t i = 0; i < theta.size(); ++i) sum += theta[i] * static_cast<float>(i % 7 + 1);
  return sum;
}

// Fails, or is not finite, for the pairs that it is told; every second evaluation of them.
class FingerprintTask final : public Task {
 public:
  int64_t num_parameters() const override { return kParameters; }
  std::vector<float> InitialTheta() const override { return std::vector<float>(kParameters, 0.5f); }
  std::unique_ptr<Evaluator> NewEvaluator() const override;
  absl::Status CheckEvaluation(const v1::EvaluationSpec&) const override { return absl::OkStatus(); }
  std::string Description() const override { return "fingerprints"; }

  int64_t failing_pair = -1;
  int64_t nan_pair = -1;
  std::function<void(int64_t pair)> on_evaluate = [](int64_t) {};
  mutable int evaluators = 0;
};

class FingerprintEvaluator final : public Evaluator {
 public:
  explicit FingerprintEvaluator(const FingerprintTask* task) : task_(*task) {}
  absl::StatusOr<float> Evaluate(absl::Span<const float> theta, const EpisodeKey& key) override {
    const int64_t pair = key.pair;
    task_.on_evaluate(pair);
    const bool second = ++evaluations_ % 2 == 0;
    if (pair == task_.failing_pair && second) return absl::InternalError("out of luck");
    if (pair == task_.nan_pair && second) return NAN;
    return Fingerprint(theta, key.generation, pair);
  }
  absl::StatusOr<EpisodeMetrics> Measure(absl::Span<const float> theta, const v1::EvaluationSpec&,
                                         int32_t episode) override {
    if (episode == task_.failing_pair) return absl::InternalError("no such episode");
    return EpisodeMetrics{Fingerprint(theta, 0, episode), 0.25f};
  }
  int64_t ScratchBytes() const override { return 1000; }

 private:
  const FingerprintTask& task_;
  int evaluations_ = 0;
};

std::unique_ptr<Evaluator> FingerprintTask::NewEvaluator() const {
  ++evaluators;
  return std::make_unique<FingerprintEvaluator>(this);
}

class EvaluateLeaseTest : public ::testing::TestWithParam<v1::Strategy::Noise> {
 protected:
  EvaluateLeaseTest() {
    v1::JobSpec spec;
    spec.mutable_sphere()->set_dimension(kParameters);
    spec.mutable_strategy()->set_noise(GetParam());
    spec.mutable_strategy()->mutable_sigma()->set_initial(0.3);
    spec.mutable_strategy()->mutable_sigma()->set_final(0.1);
    spec.mutable_strategy()->mutable_sigma()->set_decay(v1::Schedule::LINEAR);
    spec.set_generations(100);
    spec_ = *Resolve(spec);
    work_.spec = std::make_shared<v1::JobSpec>(spec_);
    work_.task = task_;
    work_.state = std::make_shared<State>(
        State{.version = 40, .theta = task_->InitialTheta(), .first_moment = {}, .second_moment = {}});
    work_.lease.set_lease_id(9);
    work_.lease.set_job_id("job-1");
    work_.lease.set_version(40);
  }
  void LeasePairs(int64_t first, int32_t count) {
    work_.lease.mutable_pairs()->set_first_pair(first);
    work_.lease.mutable_pairs()->set_count(count);
  }

  // The same in the plainest way.
  float Expected(int64_t pair, int sign) {
    const NoiseDistribution distribution = Distribution(spec_.strategy());
    std::vector<int8_t> noise(kParameters);
    DrawNoise(distribution, {spec_.seed(), 40, static_cast<uint32_t>(pair)}, absl::MakeSpan(noise));
    const float s = NoiseScale(distribution, SigmaAt(spec_, 40));
    std::vector<float> member = work_.state->theta;
    for (int i = 0; i < kParameters; ++i) member[i] += static_cast<float>(sign) * s * static_cast<float>(noise[i]);
    return Fingerprint(member, 40, pair);
  }

  v1::JobSpec spec_;
  std::shared_ptr<FingerprintTask> task_ = std::make_shared<FingerprintTask>();
  LeaseWork work_;
  LeaseControl control_;
  LeaseEvaluator evaluator_;
  v1::LeaseResult result_;
};

TEST_P(EvaluateLeaseTest, GivesWhatTheNaiveComputationGives) {
  LeasePairs(5, 3);
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  EXPECT_THAT(result_.fitness(), ElementsAre(Expected(5, 1), Expected(5, -1), Expected(6, 1), Expected(6, -1),
                                             Expected(7, 1), Expected(7, -1)));
  EXPECT_THAT(result_.failed(), IsEmpty());
  EXPECT_EQ(result_.lease_id(), 9);
  EXPECT_EQ(result_.job_id(), "job-1");
  EXPECT_EQ(result_.version(), 40);
  EXPECT_EQ(result_.pairs().first_pair(), 5);
  EXPECT_EQ(control_.done, 3);
}

TEST_P(EvaluateLeaseTest, DoesNotDependOnHowPairsAreSplitIntoLeases) {
  LeasePairs(0, 4);
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  std::vector<float> split;
  for (const auto& [first, count] : {std::pair{0, 1}, {1, 3}}) {
    LeasePairs(first, count);
    v1::LeaseResult part;
    ASSERT_TRUE(evaluator_.Run(work_, &control_, &part));
    split.insert(split.end(), part.fitness().begin(), part.fitness().end());
  }
  EXPECT_THAT(split, ::testing::ElementsAreArray(result_.fitness()));
}

TEST_P(EvaluateLeaseTest, AFailedMemberDoesNotStopTheOthers) {
  task_->failing_pair = 1;
  LeasePairs(0, 3);
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  ASSERT_THAT(result_.fitness(), SizeIs(6));
  EXPECT_THAT(result_.failed(), ElementsAre(3));
  EXPECT_TRUE(std::isnan(result_.fitness(3)));
  EXPECT_EQ(result_.fitness(4), Expected(2, 1));
  EXPECT_EQ(result_.first_error(), "out of luck");
}

TEST_P(EvaluateLeaseTest, AFitnessThatIsNotFiniteIsNoFailure) {
  task_->nan_pair = 0;
  LeasePairs(0, 1);
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  EXPECT_TRUE(std::isnan(result_.fitness(1)));
  EXPECT_THAT(result_.failed(), IsEmpty());
}

TEST_P(EvaluateLeaseTest, StopsBetweenTwoPairsWhenCancelled) {
  task_->on_evaluate = [&](int64_t pair) {
    if (pair == 1) control_.cancelled = true;
  };
  LeasePairs(0, 3);
  EXPECT_FALSE(evaluator_.Run(work_, &control_, &result_));
  EXPECT_EQ(control_.done, 2);
}

TEST_P(EvaluateLeaseTest, MeasuresThetaItselfOnEpisodes) {
  task_->failing_pair = 12;
  work_.lease.mutable_episodes()->set_evaluation_id(3);
  work_.lease.mutable_episodes()->set_first_episode(10);
  work_.lease.mutable_episodes()->set_count(3);
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  ASSERT_THAT(result_.fitness(), SizeIs(3));
  EXPECT_EQ(result_.fitness(1), Fingerprint(work_.state->theta, 0, 11));
  ASSERT_THAT(result_.accuracy(), SizeIs(3));
  EXPECT_EQ(result_.accuracy(0), 0.25f);
  EXPECT_TRUE(std::isnan(result_.accuracy(2)));
  EXPECT_THAT(result_.failed(), ElementsAre(2));
  EXPECT_EQ(result_.episodes().evaluation_id(), 3);
}

TEST_P(EvaluateLeaseTest, ReusesItsScratchFromLeaseToLease) {
  LeasePairs(0, 1);
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  ASSERT_TRUE(evaluator_.Run(work_, &control_, &result_));
  EXPECT_EQ(task_->evaluators, 1);
  EXPECT_EQ(evaluator_.ScratchBytes(), kParameters * 5 + 1000);  // a perturbed copy, a pair's noise, the Evaluator
}

INSTANTIATE_TEST_SUITE_P(Noise, EvaluateLeaseTest, ::testing::Values(v1::Strategy::POPCOUNT, v1::Strategy::SIGN),
                         [](const auto& info) { return v1::Strategy::Noise_Name(info.param); });

}  // namespace
}  // namespace seedcast
