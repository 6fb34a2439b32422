// Random events against what must always hold: every pair counts once, versions only grow, every job that keeps a
// willing worker comes to its end with the fitness that its members have.
#include <random>

#include "tests/coordinator/engine/engine_fixture.h"

namespace seedcast::engine {
namespace {

// The fitness of a member in a cluster, and an element of the gradient of a pair, whoever evaluates it.
float FitnessOf(const std::string& job_id, int64_t version, int cluster, int64_t member) {
  return static_cast<float>(std::hash<std::string>()(job_id) % 97 + version * 1000 + cluster * 100 + member);
}
float GradientOf(int64_t version, int cluster, int64_t pair, int64_t i) {
  return TellingElement(pair, version + cluster + i);
}

class EnginePropertyTest : public EngineTest, public ::testing::WithParamInterface<int> {
 protected:
  uint32_t Below(uint32_t n) { return random_() % n; }
  std::string AnyWorker() { return std::string(1, static_cast<char>('a' + Below(5))); }

  v1::LeaseResult TrueResult(const GrantLease& lease) {
    v1::LeaseResult result = ResultOf(lease, 0.001 * (1 + Below(100)));
    if (lease.evaluation_id) return result;
    for (int i = 0; i < result.fitness_size(); ++i) {
      result.set_fitness(i, FitnessOf(lease.job_id, lease.version, lease.cluster, 2 * lease.units.first + i));
    }
    for (int64_t i = 0; i < lease.units.count * engine_.FindJob(lease.job_id)->plan.gradient_size; ++i) {
      result.add_gradient(GradientOf(lease.version, lease.cluster, lease.units.first + i / kGradient, i % kGradient));
    }
    return result;
  }

  void Check(const CommitGeneration& closed) {
    EXPECT_EQ(closed.generation, next_generation_[closed.job_id]++) << "seed " << GetParam();
    const JobPlan& plan = engine_.FindJob(closed.job_id)->plan;
    ASSERT_EQ(static_cast<int64_t>(closed.outcome.fitness.size()), plan.clusters * plan.population_size);
    for (int64_t i = 0; i < plan.clusters * plan.population_size; ++i) {
      const int cluster = static_cast<int>(i / plan.population_size);
      ASSERT_EQ(closed.outcome.fitness[i],
                FitnessOf(closed.job_id, closed.generation, cluster, i % plan.population_size));
    }
    ASSERT_EQ(static_cast<int64_t>(closed.outcome.gradient.size()), plan.gradient_size);
    for (int64_t i = 0; i < plan.gradient_size; ++i) {
      ASSERT_EQ(closed.outcome.gradient[i], MeanGradient(plan, closed.generation, i)) << "seed " << GetParam();
    }
  }
  static float MeanGradient(const JobPlan& plan, int64_t version, int64_t i) {
    double total = 0, weights = 0;
    for (int c = 0; c < plan.clusters; ++c) {
      double sum = 0;
      for (int64_t p = 0; p < plan.population_size / 2; ++p) sum += double{GradientOf(version, c, p, i)};
      total += plan.cluster_weights[c] * (sum / static_cast<double>(plan.population_size / 2));
      weights += plan.cluster_weights[c];
    }
    return static_cast<float>(total / weights);
  }

  // Answers what the coordinator would answer.
  void Step(const Event& event) {
    Do(event);
    for (const GrantLease& lease : All<GrantLease>()) sent_.push_back({lease.worker_id, lease});
    std::vector<CommitGeneration> closed = All<CommitGeneration>();
    const std::vector<FinishJob> finished = All<FinishJob>();
    for (const CommitGeneration& c : closed) {
      Check(c);
      Step(GenerationCommitted{c.job_id, c.generation + 1, "digest"});
    }
    for (const FinishJob& f : finished) Step(JobFinished{f.job_id});
  }

  // Three clusters in groups, inner state, gradients.
  static JobPlan OverClusters() {
    JobPlan plan = Plan(10, 4);
    plan.clusters = 3;
    plan.cluster_weights = {1, 2, 4};
    plan.gradient_size = kGradient;
    plan.begins_anew = [](int64_t generation, int64_t pair) { return (generation + pair) % 3 == 0; };
    plan.rebuild_units = 1;
    return plan;
  }

  void RandomEvent() {
    now_ += absl::Milliseconds(Below(200));
    const std::string worker = AnyWorker();
    switch (Below(16)) {
      case 0:
        return Step(WorkerJoined{worker, static_cast<int32_t>(1 + Below(3)), {{v1::F32, "f"}}, {"sphere"}});
      case 1:
        return Below(4) == 0 ? Step(WorkerGone{worker}) : Step(Tick{});
      case 2:
        return Step(Heartbeat{worker, {static_cast<int64_t>(Below(50))}});
      case 3:
        now_ += absl::Seconds(Below(8) == 0 ? 31 : 0);
        return Step(Tick{});
      case 4:
        if (sent_.empty()) return;
        return Step(LeaseFailed{worker, sent_[Below(static_cast<uint32_t>(sent_.size()))].second.lease_id, "no"});
      case 5:
        return Below(2) == 0 ? Step(JobPaused{"x"}) : Step(JobResumed{"x"});
      default: {  // some lease ever given out is answered: late, twice, by another worker, or not at all
        if (sent_.empty()) return;
        const size_t newest = std::min<size_t>(sent_.size(), 12);
        const auto& [holder, lease] = sent_[sent_.size() - 1 - Below(static_cast<uint32_t>(newest))];
        const v1::LeaseResult result = TrueResult(lease);
        return Step(ResultArrived{Below(8) == 0 ? worker : holder, &result});
      }
    }
  }

  static constexpr int64_t kGradient = 3;
  std::mt19937 random_{static_cast<uint32_t>(GetParam())};
  std::vector<std::pair<std::string, GrantLease>> sent_;
  std::map<std::string, int64_t> next_generation_;
};

TEST_P(EnginePropertyTest, EveryPairCountsOnceWhateverHappens) {
  JobPlan plan = Plan(7, 6);
  plan.validation_every = 2;
  plan.validation_episodes = Episodes(3);
  Step(JobAdded{"x", plan, v1::RUNNING, 0, "digest", 0});
  Step(JobAdded{"y", OverClusters(), v1::RUNNING, 0, "digest", 0});
  for (int i = 0; i < 2500; ++i) RandomEvent();

  // Peace at last: one worker that does all it is given.
  Step(JobResumed{"x"});
  for (const char* worker : {"a", "b", "c", "d", "e"}) Step(WorkerGone{worker});
  size_t answered = sent_.size();
  Step(WorkerJoined{"last", 2, {{v1::F32, "f"}}, {"sphere"}});
  for (int i = 0; i < 10'000 && answered < sent_.size(); ++i) {
    const v1::LeaseResult result = TrueResult(sent_[answered++].second);
    Step(ResultArrived{"last", &result});
  }
  EXPECT_EQ(engine_.FindJob("x")->state, v1::SUCCEEDED) << "seed " << GetParam();
  EXPECT_EQ(engine_.FindJob("y")->state, v1::SUCCEEDED) << "seed " << GetParam();
  EXPECT_EQ(next_generation_["x"], 6);
  EXPECT_EQ(engine_.stats().evaluations, 6 * 14 + 4 * 3 * 20);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EnginePropertyTest, ::testing::Range(0, 60));

}  // namespace
}  // namespace seedcast::engine
