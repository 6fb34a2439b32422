// Workers that return gradients: what sum they make, and which are refused.
#include <cmath>
#include <limits>

#include "tests/coordinator/engine/cluster_fixture.h"

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class GradientTest : public ClusterTest {
 protected:
  static JobPlan Gradients(int clusters, int64_t pairs, int64_t size) {
    JobPlan plan = Clusters(clusters, pairs);
    plan.gradient_size = size;
    for (int c = 0; c < clusters; ++c) plan.cluster_weights[c] = c + 1;
    return plan;
  }
  static float Element(int cluster, int64_t pair, int64_t i) { return TellingElement(pair, cluster + i); }
  static v1::LeaseResult GradientOf(const GrantLease& lease, int64_t size) {
    v1::LeaseResult result = ResultOf(lease);
    for (int64_t p = 0; p < lease.units.count; ++p) {
      for (int64_t i = 0; i < size; ++i) result.add_gradient(Element(lease.cluster, lease.units.first + p, i));
    }
    return result;
  }
  // Leases are answered in an order drawn from `seed`.
  CommitGeneration RunShuffled(uint32_t seed, int64_t size) {
    for (int i = 0; i < 1000; ++i) {
      std::vector<std::pair<std::string, GrantLease>> out;
      for (auto& [worker, leases] : leases_) {
        for (const GrantLease& lease : leases) out.push_back({worker, lease});
      }
      if (out.empty()) break;
      seed = seed * 1664525 + 1013904223;
      const auto& [worker, lease] = out[(seed >> 8) % out.size()];
      Send(worker, GradientOf(lease, size));
      if (const CommitGeneration* closed = Find<CommitGeneration>()) return *closed;
    }
    ADD_FAILURE() << "the generation does not end";
    return {};
  }
};

TEST_F(GradientTest, TheBitsDoNotDependOnTheOrderOfArrival) {
  const int64_t kSize = 5;
  for (const char* worker : {"a", "b", "c"}) Join(worker, 3);
  Add("j", Gradients(3, 16, kSize));
  std::vector<double> expected(kSize);
  for (int c = 0; c < 3; ++c) {
    for (int64_t i = 0; i < kSize; ++i) {
      double sum = 0;
      for (int64_t p = 0; p < 16; ++p) sum += double{Element(c, p, i)};
      expected[i] += (c + 1) * (sum / 16);
    }
  }
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const CommitGeneration closed = RunShuffled(seed, kSize);
    ASSERT_THAT(closed.outcome.gradient, SizeIs(kSize));
    for (int64_t i = 0; i < kSize; ++i) {
      ASSERT_EQ(closed.outcome.gradient[i], static_cast<float>(expected[i] / 6)) << "seed " << seed;
    }
    Commit(closed);
  }
}

TEST_F(GradientTest, RefusesGradientsOfAnotherSize) {
  const struct {
    const char* why;
    void (*spoil)(v1::LeaseResult*);
  } cases[] = {
      {"none", [](v1::LeaseResult* r) { r->clear_gradient(); }},
      {"one value too few", [](v1::LeaseResult* r) { r->mutable_gradient()->RemoveLast(); }},
      {"one value too many", [](v1::LeaseResult* r) { r->add_gradient(0); }},
      {"less than nothing diverged", [](v1::LeaseResult* r) { r->set_diverged(-1); }},
  };
  Add("j", Gradients(1, 100, 4));
  int64_t rejected = 0;
  for (const auto& c : cases) {
    Wait(absl::Minutes(1));
    Join("w");
    v1::LeaseResult result = GradientOf(leases_["w"].at(0), 4);
    c.spoil(&result);
    Send("w", result);
    EXPECT_EQ(engine_.stats().rejected_results, ++rejected) << c.why;
  }
  EXPECT_EQ(engine_.stats().evaluations, 0);
}

TEST_F(GradientTest, ThereAreNoneWhereNoneAreAskedFor) {
  Join("w");
  Add("j", Clusters(1, 10));
  Send("w", GradientOf(leases_["w"].at(0), 4));
  EXPECT_EQ(engine_.stats().rejected_results, 1);
}

TEST_F(GradientTest, PairsWithoutAFiniteGradientAreLeftOutAndCounted) {
  Join("w", 2);
  Add("j", Gradients(1, 4, 1));
  const float gradients[] = {1, std::numeric_limits<float>::infinity(), 3, 5};
  const CommitGeneration* closed = nullptr;
  while (closed == nullptr) {
    ASSERT_GT(InHand("w"), 0u);
    v1::LeaseResult result = ResultOf(leases_["w"][0]);
    for (int64_t p = 0; p < leases_["w"][0].units.count; ++p) {
      result.add_gradient(gradients[leases_["w"][0].units.first + p]);
    }
    if (leases_["w"][0].units.first == 3) result.add_failed(1);
    Send("w", result);
    closed = Find<CommitGeneration>();
  }
  EXPECT_THAT(closed->outcome.gradient, ElementsAre(2));
  EXPECT_EQ(closed->not_finite, 2) << "both members of pair 1";
  EXPECT_EQ(closed->failed, 1);
  EXPECT_TRUE(std::isnan(closed->outcome.fitness[2]));
}

TEST_F(GradientTest, LeasesAreSmallEnoughForTheirResults) {
  const int64_t kSize = 100'000;
  Join("w");
  Add("j", Gradients(1, 1000, kSize));
  for (int i = 0; i < 10; ++i) {
    v1::LeaseResult result = GradientOf(leases_["w"].at(0), kSize);
    result.set_seconds(1e-5);
    Send("w", result);
  }
  EXPECT_EQ(leases_["w"].back().units.count, 2) << "1 MiB has room for 2.6 gradients";
}

}  // namespace
}  // namespace seedcast::engine
