// Jobs over clusters, unrolls and estimators with carried state.
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/spec/resolve.h"
#include "common/spec/shape.h"
#include "tests/common/job_of_json.h"

namespace seedcast {
namespace {

using ::google::protobuf::util::MessageDifferencer;

std::string ErrorOf(const v1::JobSpec& spec) { return std::string(Resolve(spec).status().message()); }

constexpr char kTwoClusters[] = R"({
    "generations": 10,
    "learned_optimizer": {"clusters": [{"name": "a", "problems": ["quadratic"], "weight": 3
},
                                       {"name": "b", "problems": ["bowl", "softmax"]}]
}
})";

// One cluster, some more fields of the task, and of the job.
v1::JobSpec Optimizer(const std::string& task_fields, const std::string& job_fields = "") {
  return Job(absl::StrCat(R"({"generations": 10, "learned_optimizer": {)",
                          R"("clusters": [{"name": "a", "problems": ["bowl"]}])", task_fields.empty() ? "" : ", ",
                          task_fields, "}", job_fields.empty() ? "" : ", ", job_fields, "}"));
}

v1::JobSpec Clusters(const std::string& clusters) {
  return Job(absl::StrCat(R"({"generations": 10, "learned_optimizer": {"clusters": [)", clusters, "]}}"));
}

v1::JobSpec Influence(const std::string& task_fields, const std::string& job_fields = "") {
  return Job(absl::StrCat(R"({"generations": 10, "influence": {)", task_fields, "}", job_fields.empty() ? "" : ", ",
                          job_fields, "}"));
}

TEST(ResolveUnrollsTest, FillsInTheDefaultsOfALearnedOptimizer) {
  const v1::JobSpec spec = Resolve(Job(kTwoClusters)).value();
  EXPECT_TRUE(MessageDifferencer::Equals(spec.learned_optimizer(), Job(R"({"learned_optimizer": {
      "clusters": [{"name": "a", "problems": ["quadratic"], "weight": 3
},
                   {"name": "b", "problems": ["bowl", "softmax"], "weight": 1}],
      "unroll": {"lengths": "FIXED", "steps": 100, "count": 1, "restarts": 1},
      "parallel_batches": 1
}
})")
                                                                       .learned_optimizer()));
  EXPECT_EQ(spec.max_failed_evaluations(), 1024) << "one generation of both clusters";
  EXPECT_EQ(spec.strategy().estimator(), v1::Strategy::FULL_ES);
  EXPECT_TRUE(MessageDifferencer::Equals(Resolve(spec).value(), spec)) << "not idempotent";
}

TEST(ResolveUnrollsTest, FillsInTheDefaultsOfInfluence) {
  const v1::InfluenceTask task = Resolve(Influence(R"("unroll": {"lengths": "EXPONENTIAL"})")).value().influence();
  EXPECT_EQ(task.units(), 23);
  EXPECT_EQ(task.positive(), 10);
  EXPECT_EQ(task.unroll().min_steps(), 50);
  EXPECT_EQ(Resolve(Influence(R"("units": 4)")).value().influence().positive(), 3);
}

TEST(ResolveUnrollsTest, SwitchesThatAreAllOffAreAsIfLeftOut) {
  const v1::JobSpec plain = Resolve(Optimizer("")).value();
  const v1::JobSpec off = Resolve(Optimizer(R"("published": {"carried_state": false})")).value();
  const v1::JobSpec on = Resolve(Optimizer(R"("published": {"carried_state": true})")).value();
  EXPECT_EQ(CanonicalBytes(off), CanonicalBytes(plain));
  EXPECT_NE(CanonicalBytes(on), CanonicalBytes(plain));
}

TEST(ResolveUnrollsTest, EveryEstimatorTakesATaskWithUnrolls) {
  for (const char* estimator : {"FULL_ES", "TRUNCATED_ES", "PES", "NRES", "GRADIENT"}) {
    const std::string strategy = absl::StrCat(R"("strategy": {"estimator": ")", estimator, "\"}");
    EXPECT_EQ(ErrorOf(Influence("", strategy)), "") << estimator;
    EXPECT_EQ(ErrorOf(Optimizer("", strategy)), "") << estimator;
  }
}

struct BadCase {
  v1::JobSpec spec;
  const char* message;
};

TEST(ResolveUnrollsTest, RefusesBadClusters) {
  const BadCase kBad[] = {
      {Clusters(""), "learned_optimizer.clusters: 0 entries, expected 1 .. 64 entries"},
      {Clusters(R"({"problems": ["bowl"]})"),
       "learned_optimizer.clusters[0].name: \"\", expected 1 .. 40 of a-z, 0-9, _ and -"},
      {Clusters(R"({"name": "Bowls", "problems": ["bowl"]})"),
       "learned_optimizer.clusters[0].name: \"Bowls\", expected 1 .. 40 of a-z, 0-9, _ and -"},
      {Clusters(R"({"name": "a", "problems": ["bowl"]}, {"name": "b", "problems": ["x"]},
                   {"name": "a", "problems": ["x"]})"),
       "learned_optimizer.clusters[2].name: \"a\" again, expected each name once"},
      {Clusters(R"({"name": "a"})"), "learned_optimizer.clusters[0].problems: 0 entries, expected 1 .. 200 entries"},
      {Clusters(R"({"name": "a", "problems": ["bowl", ""]})"),
       "learned_optimizer.clusters[0].problems[1]: \"\", expected a problem or a family of 1 .. 1000 characters"},
      {Clusters(R"({"name": "a", "problems": ["bowl"], "weight": 101})"),
       "learned_optimizer.clusters[0].weight: 101, expected 1 .. 100"},
      {Clusters(R"({"name": "a", "problems": ["bowl"], "weight": -1})"),
       "learned_optimizer.clusters[0].weight: -1, expected 1 .. 100"},
      {Optimizer(R"("problems_per_evaluation": 201)"),
       "learned_optimizer.problems_per_evaluation: 201, expected 0 .. 200"},
      {Optimizer(R"("parallel_batches": 65)"), "learned_optimizer.parallel_batches: 65, expected 1 .. 64"},
      {Optimizer("", R"("cluster_groups": 2)"), "cluster_groups: 2, expected 0 .. 1, the number of clusters"},
      {Optimizer("", R"("cluster_groups": -1)"), "cluster_groups: -1, expected 0 .. 1, the number of clusters"},
      {Optimizer("", R"("numeric_class": "BF16_AMX")"), "numeric_class: BF16_AMX, expected F32 with learned_optimizer"},
  };
  for (const BadCase& bad : kBad) EXPECT_EQ(ErrorOf(bad.spec), bad.message);

  std::string many;
  for (int i = 0; i < 65; ++i) {
    absl::StrAppend(&many, i > 0 ? ", " : "", R"({"name": "c)", i, R"(", "problems": ["bowl"]})");
  }
  EXPECT_EQ(ErrorOf(Clusters(many)), "learned_optimizer.clusters: 65 entries, expected 1 .. 64 entries");
}

TEST(ResolveUnrollsTest, RefusesWhatOneGenerationCannotHold) {
  v1::JobSpec spec = Job(kTwoClusters);
  spec.mutable_strategy()->set_population_size(1 << 19);
  EXPECT_EQ(ErrorOf(spec), "");
  spec.mutable_strategy()->set_population_size((1 << 19) + 2);
  EXPECT_EQ(ErrorOf(spec),
            "strategy.population_size: 524290, expected population_size * clusters <= 1048576 with 2 clusters");

  spec.mutable_strategy()->set_population_size(1 << 19);
  spec.mutable_strategy()->set_shaping(v1::Strategy::CENTERED_RANKS);
  spec.mutable_learned_optimizer()->mutable_clusters(1)->set_weight(100);
  spec.mutable_learned_optimizer()->mutable_clusters(0)->set_weight(28);
  EXPECT_EQ(ErrorOf(spec), "") << "128 * 2 * (2^19 - 1) < 2^27";
  spec.mutable_learned_optimizer()->mutable_clusters(0)->set_weight(29);
  EXPECT_EQ(ErrorOf(spec),
            "learned_optimizer.clusters: weights that add up to 129, expected at most 128 with population_size 524288 "
            "and shaping CENTERED_RANKS");
}

TEST(ResolveUnrollsTest, RefusesBadUnrolls) {
  const BadCase kBad[] = {
      {Influence(R"("unroll": {"steps": -1})"), "influence.unroll.steps: -1, expected 1 .. 1000000"},
      {Influence(R"("unroll": {"steps": 1000001})"), "influence.unroll.steps: 1000001, expected 1 .. 1000000"},
      {Influence(R"("unroll": {"count": 10001})"), "influence.unroll.count: 10001, expected 1 .. 10000"},
      {Influence(R"("unroll": {"restarts": 101})"), "influence.unroll.restarts: 101, expected 1 .. 100"},
      {Influence(R"("unroll": {"min_steps": 9})"),
       "influence.unroll.min_steps: 9, expected nothing with lengths FIXED"},
      {Influence(R"("unroll": {"lengths": "EXPONENTIAL", "min_steps": -9})"),
       "influence.unroll.min_steps: -9, expected 1 .. 1000000"},
      {Influence(R"("unroll": {"lengths": 7})"), "influence.unroll.lengths: 7, expected one of FIXED, EXPONENTIAL"},
      {Influence(R"("unroll": {"steps": 1000000, "count": 1000, "restarts": 2})"),
       "influence.unroll.steps: 1000000, expected steps * count * restarts <= 1000000000 with count 1000 and "
       "restarts 2"},
      {Influence(R"("units": 1)"), "influence.units: 1, expected 2 .. 1000"},
      {Influence(R"("units": 5, "positive": 5)"), "influence.positive: 5, expected 1 .. 4"},
  };
  for (const BadCase& bad : kBad) EXPECT_EQ(ErrorOf(bad.spec), bad.message);
  EXPECT_EQ(ErrorOf(Influence(R"("unroll": {"steps": 1000000, "count": 1000})")), "");
}

TEST(ResolveUnrollsTest, RefusesEstimatorsThatDoNotFit) {
  const BadCase kBad[] = {
      {Influence("", R"("strategy": {"estimator": "PES", "sigma": {"decay": "LINEAR", "final": 0.01}})"),
       "strategy.sigma.decay: LINEAR, expected CONSTANT with estimator PES"},
      {Influence("", R"("strategy": {"estimator": "NRES", "sigma": {"decay": "COSINE", "final": 0.01}})"),
       "strategy.sigma.decay: COSINE, expected CONSTANT with estimator NRES"},
      {Influence("", R"("strategy": {"gradient_clip": 1})"),
       "strategy.gradient_clip: 1, expected nothing with estimator FULL_ES"},
      {Influence("", R"("strategy": {"estimator": "GRADIENT", "gradient_clip": "NaN"})"),
       "strategy.gradient_clip: nan, expected 0 or 1e-30 .. 1e+30"},
      {Influence("", R"("strategy": {"estimator": "GRADIENT", "gradient_clip": 1e-60})"),
       "strategy.gradient_clip: 1e-60, expected 0 or 1e-30 .. 1e+30"},
      {Influence(R"("unroll": {"count": 9000, "restarts": 2})", R"("strategy": {"estimator": "NRES"})"),
       "influence.unroll.count: 9000, expected count * restarts <= 16384 with restarts 2, 256 pairs and lengths FIXED"},
      {Influence(R"("unroll": {"count": 500, "restarts": 3, "lengths": "EXPONENTIAL"})",
                 R"("strategy": {"estimator": "PES"})"),
       "influence.unroll.count: 500, expected count * restarts <= 1024 with restarts 3, 256 pairs and lengths "
       "EXPONENTIAL"},
      {Influence(R"("unroll": {"count": 100})",
                 R"("strategy": {"estimator": "TRUNCATED_ES", "population_size": 131072})"),
       "influence.unroll.count: 100, expected count * restarts <= 64 with restarts 1, 65536 pairs and lengths FIXED"},
  };
  for (const BadCase& bad : kBad) EXPECT_EQ(ErrorOf(bad.spec), bad.message);
  EXPECT_EQ(ErrorOf(Influence("", R"("strategy": {"estimator": "GRADIENT", "gradient_clip": 1})")), "");
  EXPECT_EQ(ErrorOf(Influence(R"("unroll": {"count": 9000, "restarts": 2})")), "") << "FULL_ES carries nothing";
}

TEST(ShapeTest, CountsClustersAndWeights) {
  const v1::JobSpec spec = Resolve(Job(kTwoClusters)).value();
  EXPECT_EQ(ClusterCount(spec), 2);
  EXPECT_EQ(ClusterWeight(spec, 0), 3);
  EXPECT_EQ(TotalClusterWeight(spec), 4);
  EXPECT_EQ(FitnessCount(spec), 1024);
  const v1::JobSpec sphere = Resolve(Job(R"({"generations": 1, "sphere": {}})")).value();
  EXPECT_EQ(ClusterCount(sphere), 1);
  EXPECT_EQ(FitnessCount(sphere), 512);
  EXPECT_FALSE(HasUnrolls(sphere));
}

TEST(ShapeTest, ASpecFromBeforeEstimatorsCarriesNothing) {
  v1::JobSpec spec = Resolve(Job(kTwoClusters)).value();
  spec.mutable_strategy()->clear_estimator();
  EXPECT_FALSE(CarriesState(spec));
}

}  // namespace
}  // namespace seedcast
