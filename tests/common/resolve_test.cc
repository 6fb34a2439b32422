#include "common/spec/resolve.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/common/job_of_json.h"

namespace seedcast {
namespace {

using ::google::protobuf::util::MessageDifferencer;

v1::JobSpec Resolved(const std::string& json) {
  const absl::StatusOr<v1::JobSpec> resolved = Resolve(Job(json));
  EXPECT_TRUE(resolved.ok()) << resolved.status();
  return resolved.value_or(v1::JobSpec());
}

TEST(ResolveTest, FillsInEveryDefaultOfAProtoNetJob) {
  EXPECT_TRUE(MessageDifferencer::Equals(Resolved(R"({"generations": 1000, "proto_net": {}})"), Job(R"({
    "name": "job", "seed": 1, "generations": 1000, "numeric_class": "F32", "snapshot_every": 100,
    "max_failed_evaluations": 5120,
    "proto_net": {"dataset": "AUTO", "way": 20, "shot": 1, "query": 2, "filters": 64, "blocks": 4,
                  "statistics": "SUPPORT", "characters": "TRAIN_ONLY", "episodes_per_pair": 1},
    "strategy": {"population_size": 512, "estimator": "FULL_ES", "noise": "POPCOUNT", "shaping": "NORMALIZED_DIFFERENCES",
                 "sigma": {"initial": 0.1, "decay": "CONSTANT", "final": 0.1},
                 "learning_rate": {"initial": 0.02, "decay": "COSINE"},
                 "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}},
    "validation": {"every": 20,
                   "episodes": {"split": "VALIDATION", "way": 5, "shot": 5, "query": 15, "episodes": 200}}})")));
}

TEST(ResolveTest, KeepsWhatIsGiven) {
  const v1::JobSpec spec = Resolved(R"({
    "name": "a-1", "seed": 0, "generations": 7, "max_failed_evaluations": 0, "sphere": {"dimension": 3},
    "strategy": {"population_size": 2, "learning_rate": {"initial": 0}, "rms_prop": {"decay": 0}},
    "validation": {"every": 0}})");
  EXPECT_EQ(spec.seed(), 0);
  EXPECT_EQ(spec.max_failed_evaluations(), 0);
  EXPECT_EQ(spec.sphere().dimension(), 3);
  EXPECT_EQ(spec.strategy().learning_rate().initial(), 0);
  EXPECT_EQ(spec.strategy().learning_rate().decay(), v1::Schedule::COSINE);
  EXPECT_EQ(spec.strategy().rms_prop().decay(), 0);
  EXPECT_EQ(spec.strategy().rms_prop().epsilon(), 1e-8);
  EXPECT_EQ(spec.validation().every(), 0);
}

TEST(ResolveTest, AScheduleGivenInPartKeepsTheOtherDefaultsOfItsField) {
  const v1::Strategy strategy =
      Resolved(R"({"generations": 1, "sphere": {}, "strategy": {"learning_rate": {"initial": 0.01},
                   "sigma": {"decay": "LINEAR", "final": 0.05}}})")
          .strategy();
  EXPECT_EQ(strategy.learning_rate().decay(), v1::Schedule::COSINE);
  EXPECT_EQ(strategy.sigma().initial(), 0.1);
}

TEST(ResolveTest, IsIdempotent) {
  for (const char* json : {R"({"generations": 9, "proto_net": {}})", R"({"generations": 9, "sphere": {},
                           "strategy": {"sgd": {}, "sigma": {"initial": 0.3}}})"}) {
    const v1::JobSpec once = Resolved(json);
    const absl::StatusOr<v1::JobSpec> twice = Resolve(once);
    ASSERT_TRUE(twice.ok()) << twice.status();
    EXPECT_TRUE(MessageDifferencer::Equals(*twice, once));
  }
}

TEST(ResolveTest, AllowedFailuresAreAtLeastOnePopulation) {
  EXPECT_EQ(Resolved(R"({"generations": 2, "sphere": {}})").max_failed_evaluations(), 512);
  EXPECT_EQ(Resolved(R"({"generations": 200, "sphere": {}})").max_failed_evaluations(), 1024);
}

struct BadCase {
  const char* json;
  const char* message;
};

class BadJobTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadJobTest, IsRefusedByPathValueAndRange) {
  const absl::StatusOr<v1::JobSpec> resolved = Resolve(Job(GetParam().json));
  ASSERT_FALSE(resolved.ok());
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(resolved.status().message(), GetParam().message);
}

#define PROTO_NET(fields) R"({"generations": 10, "proto_net": {)" fields "}}"
#define STRATEGY(fields) R"({"generations": 10, "sphere": {}, "strategy": {)" fields "}}"
#define SPHERE(fields) R"({"generations": 10, "sphere": {)" fields "}}"
#define JOB(fields) R"({"sphere": {}, )" fields "}"

INSTANTIATE_TEST_SUITE_P(
    All, BadJobTest,
    ::testing::Values(
        BadCase{R"({"generations": 10})",
                "task: missing, expected one of proto_net, sphere, learned_optimizer, influence"},
        BadCase{R"({"sphere": {}})", "generations: 0, expected 1 .. 10000000"},
        BadCase{JOB(R"("generations": 10000001)"), "generations: 10000001, expected 1 .. 10000000"},
        BadCase{JOB(R"("generations": 1, "name": "Job")"), "name: \"Job\", expected 1 .. 40 of a-z, 0-9 and -"},
        BadCase{JOB(R"("generations": 1, "name": "../../x")"), "name: \"../../x\", expected 1 .. 40 of a-z, 0-9 and -"},
        BadCase{JOB(R"("generations": 1, "numeric_class": 9)"),
                "numeric_class: 9, expected one of F32, BF16_AMX, BF16_AVX512"},
        BadCase{JOB(R"("generations": 1, "snapshot_every": -1)"),
                "snapshot_every: -1, expected 1 .. 9223372036854775807"},
        BadCase{JOB(R"("generations": 1, "max_failed_evaluations": -1)"),
                "max_failed_evaluations: -1, expected 0 .. 9223372036854775807"},
        BadCase{JOB(R"("generations": 1, "max_workers": -2)"), "max_workers: -2, expected 0 .. 2147483647"},
        BadCase{JOB(R"("generations": 1, "cluster_groups": 2)"),
                "cluster_groups: 2, expected 0 .. 1, the number of clusters"},
        BadCase{JOB(R"("generations": 5, "first_generation": 5)"), "first_generation: 5, expected 0 .. 4"},
        BadCase{PROTO_NET(R"("dataset": 7)"), "proto_net.dataset: 7, expected one of AUTO, OMNIGLOT, GLYPHS"},
        BadCase{PROTO_NET(R"("dataset_digest": "ab")"),
                "proto_net.dataset_digest: \"ab\", expected 64 hexadecimal digits or nothing"},
        BadCase{PROTO_NET(R"("way": 1)"), "proto_net.way: 1, expected 2 .. 100"},
        BadCase{PROTO_NET(R"("shot": 20)"), "proto_net.shot: 20, expected 1 .. 19"},
        BadCase{PROTO_NET(R"("shot": 10, "query": 11)"),
                "proto_net.query: 11, expected shot + query <= 20 with shot 10"},
        BadCase{PROTO_NET(R"("filters": 24)"), "proto_net.filters: 24, expected a multiple of 16 in 16 .. 256"},
        BadCase{PROTO_NET(R"("filters": 512)"), "proto_net.filters: 512, expected a multiple of 16 in 16 .. 256"},
        BadCase{PROTO_NET(R"("blocks": 5)"), "proto_net.blocks: 5, expected 1 .. 4"},
        BadCase{PROTO_NET(R"("filters_per_block": [16, 32, 32, 32, 32])"),
                "proto_net.filters_per_block: 5 entries, expected 1 .. 4 entries"},
        BadCase{PROTO_NET(R"("filters_per_block": [16, 40])"),
                "proto_net.filters_per_block[1]: 40, expected a multiple of 16 in 16 .. 256"},
        BadCase{PROTO_NET(R"("filters_per_block": [16, 0])"),
                "proto_net.filters_per_block[1]: 0, expected a multiple of 16 in 16 .. 256"},
        BadCase{PROTO_NET(R"("filters_per_block": [16, 32], "filters": 32)"),
                "proto_net.filters: 32, expected nothing beside filters_per_block"},
        BadCase{PROTO_NET(R"("filters_per_block": [16, 32], "blocks": 2)"),
                "proto_net.blocks: 2, expected nothing beside filters_per_block"},
        BadCase{PROTO_NET(R"("characters": 3)"),
                "proto_net.characters: 3, expected one of TRAIN_ONLY, TRAIN_AND_VALIDATION"},
        BadCase{PROTO_NET(R"("episodes_per_pair": -3)"), "proto_net.episodes_per_pair: -3, expected 1 .. 1000"},
        BadCase{SPHERE(R"("dimension": -1)"), "sphere.dimension: -1, expected 1 .. 10000000"},
        BadCase{SPHERE(R"("failure_rate": 1.5)"), "sphere.failure_rate: 1.5, expected 0 .. 1"},
        BadCase{SPHERE(R"("not_finite_rate": "NaN")"), "sphere.not_finite_rate: nan, expected 0 .. 1"},
        BadCase{SPHERE(R"("fitness_noise": "Infinity")"), "sphere.fitness_noise: inf, expected 0 .. 1e+30"},
        BadCase{STRATEGY(R"("population_size": 7)"),
                "strategy.population_size: 7, expected an even number in 2 .. 1048576"},
        BadCase{STRATEGY(R"("population_size": 1048578)"),
                "strategy.population_size: 1048578, expected an even number in 2 .. 1048576"},
        BadCase{STRATEGY(R"("sigma": {"initial": 0})"), "strategy.sigma.initial: 0, expected 1e-06 .. 10"},
        BadCase{STRATEGY(R"("sigma": {"decay": "LINEAR"})"), "strategy.sigma.final: 0, expected 1e-06 .. 10"},
        BadCase{STRATEGY(R"("sigma": {"final": 0.05})"),
                "strategy.sigma.final: 0.05, expected nothing with decay CONSTANT"},
        BadCase{STRATEGY(R"("sigma": {"warmup": 0.1})"),
                "strategy.sigma.warmup: 0.1, expected 0: sigma may not start near 0"},
        BadCase{STRATEGY(R"("learning_rate": {"initial": "NaN"})"),
                "strategy.learning_rate.initial: nan, expected 0 .. 10"},
        BadCase{STRATEGY(R"("learning_rate": {"start": 2})"), "strategy.learning_rate.start: 2, expected 0 .. 1"},
        BadCase{STRATEGY(R"("learning_rate": {"decay": "EXPONENTIAL"})"),
                "strategy.learning_rate.final: 0, expected a number above 0, as initial, for decay EXPONENTIAL"},
        BadCase{STRATEGY(R"("noise": 3)"), "strategy.noise: 3, expected one of POPCOUNT, SIGN"},
        BadCase{STRATEGY(R"("shaping": 9)"),
                "strategy.shaping: 9, expected one of CENTERED_RANKS, SIGNED_RANKS, NORMALIZED_DIFFERENCES"},
        BadCase{STRATEGY(R"("adam": {"beta2": 1})"), "strategy.adam.beta2: 1, expected 0 .. 0.99999"},
        BadCase{STRATEGY(R"("adam": {"epsilon": 0})"), "strategy.adam.epsilon: 0, expected 1e-30 .. 1"},
        BadCase{STRATEGY(R"("sgd": {"momentum": -0.1})"), "strategy.sgd.momentum: -0.1, expected 0 .. 0.99999"},
        BadCase{STRATEGY(R"("rms_prop": {"initial_mean_square": -1})"),
                "strategy.rms_prop.initial_mean_square: -1, expected 0 .. 1e+06"},
        BadCase{STRATEGY(R"("estimator": "PES")"),
                "strategy.estimator: PES, expected FULL_ES with sphere, without unrolls"},
        BadCase{STRATEGY(R"("estimator": 9)"),
                "strategy.estimator: 9, expected one of FULL_ES, TRUNCATED_ES, PES, NRES, GRADIENT"},
        BadCase{STRATEGY(R"("weight_decay": 2)"), "strategy.weight_decay: 2, expected 0 .. 1"},
        BadCase{JOB(R"("generations": 1, "validation": {"every": -1})"),
                "validation.every: -1, expected 0 .. 9223372036854775807"},
        BadCase{JOB(R"("generations": 1, "validation": {"episodes": {"split": "TEST"}})"),
                "validation.episodes.split: TEST, expected VALIDATION"},
        BadCase{JOB(R"("generations": 1, "validation": {"episodes": {"episodes": 2000000}})"),
                "validation.episodes.episodes: 2000000, expected 1 .. 1000000"}));

TEST(ResolveEvaluationTest, FillsInDefaults) {
  const absl::StatusOr<v1::EvaluationSpec> spec = Resolve(v1::EvaluationSpec(), "");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->split(), v1::EvaluationSpec::TEST);
  EXPECT_EQ(spec->way(), 5);
  EXPECT_EQ(spec->shot(), 5);
  EXPECT_EQ(spec->query(), 15);
  EXPECT_EQ(spec->episodes(), 1000);
}

TEST(ResolveEvaluationTest, TakesFewerQueriesWhereManyAreShots) {
  v1::EvaluationSpec spec;
  spec.set_shot(10);
  EXPECT_EQ(Resolve(spec, "")->query(), 10);
  spec.set_shot(1);
  EXPECT_EQ(Resolve(spec, "")->query(), 15);
}

TEST(ResolveEvaluationTest, NamesThePathInErrors) {
  v1::EvaluationSpec spec;
  spec.set_way(-1);
  EXPECT_EQ(Resolve(spec, "spec").status().message(), "spec.way: -1, expected 2 .. 100");
  EXPECT_EQ(Resolve(spec, "").status().message(), "way: -1, expected 2 .. 100");
  spec.set_way(101);
  EXPECT_EQ(Resolve(spec, "").status().message(), "way: 101, expected 2 .. 100");
  spec.set_way(5);
  spec.set_steps(-1);
  EXPECT_EQ(Resolve(spec, "").status().message(), "steps: -1, expected 0 .. 10000000");
}

TEST(FiltersOfBlocksTest, AreOneNumberForAllOrOneEach) {
  const auto filters = [](const std::string& network) {
    return FiltersOfBlocks(Resolved(R"({"generations": 1, "proto_net": {)" + network + "}}").proto_net());
  };
  EXPECT_EQ(filters(""), std::vector<int>(4, 64));
  EXPECT_EQ(filters(R"("filters": 32, "blocks": 2)"), std::vector<int>(2, 32));
  EXPECT_EQ(filters(R"("filters_per_block": [16, 32, 64])"), (std::vector<int>{16, 32, 64}));
}

TEST(ResolveTest, ANetworkWithFiltersPerBlockHasNoOtherNumbers) {
  const v1::JobSpec once = Resolved(R"({"generations": 1, "proto_net": {"filters_per_block": [16, 32]}})");
  EXPECT_EQ(once.proto_net().filters(), 0);
  EXPECT_EQ(once.proto_net().blocks(), 0);
  EXPECT_TRUE(MessageDifferencer::Equals(*Resolve(once), once));
}

TEST(CanonicalBytesTest, LeaveOutWhatDoesNotInfluenceResults) {
  const v1::JobSpec spec = Resolved(PROTO_NET(R"("dataset_digest":
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")"));
  v1::JobSpec other = spec;
  other.set_name("other");
  other.set_max_workers(3);
  other.set_snapshot_every(1);
  other.set_max_failed_evaluations(1);
  other.mutable_validation()->set_every(1);
  other.set_cluster_groups(1);
  other.mutable_proto_net()->set_dataset(v1::ProtoNetTask::OMNIGLOT);
  EXPECT_EQ(CanonicalBytes(other), CanonicalBytes(spec));
}

// A job that was stored before these fields were must not change its chain.
TEST(CanonicalBytesTest, LeaveOutDefaultsOfLaterFields) {
  const v1::JobSpec spec = Resolved(PROTO_NET());
  v1::JobSpec older = spec;
  older.mutable_strategy()->clear_estimator();
  older.mutable_proto_net()->clear_characters();
  EXPECT_EQ(CanonicalBytes(spec), CanonicalBytes(older));
  older.mutable_proto_net()->set_characters(v1::ProtoNetTask::TRAIN_AND_VALIDATION);
  EXPECT_NE(CanonicalBytes(spec), CanonicalBytes(older));
}

TEST(CanonicalBytesTest, KeepWhatInfluencesResults) {
  const v1::JobSpec spec = Resolved(PROTO_NET());
  v1::JobSpec other = spec;
  other.set_seed(2);
  EXPECT_NE(CanonicalBytes(other), CanonicalBytes(spec));
  other = spec;
  other.set_generations(11);
  EXPECT_NE(CanonicalBytes(other), CanonicalBytes(spec)) << "schedules depend on it";
  other = spec;
  other.mutable_strategy()->mutable_adam()->set_epsilon(1e-7);
  EXPECT_NE(CanonicalBytes(other), CanonicalBytes(spec));
  other = spec;
  other.mutable_proto_net()->set_dataset(v1::ProtoNetTask::GLYPHS);
  EXPECT_NE(CanonicalBytes(other), CanonicalBytes(spec)) << "no digest tells them apart yet";
}

// Such as a newer client or coordinator would send.
TEST(ResolveTest, RefusesFieldsThatThisBuildDoesNotKnow) {
  constexpr int kNumber = 9999;
  const auto add_to = [](google::protobuf::Message* message) {
    message->GetReflection()->MutableUnknownFields(message)->AddVarint(kNumber, 1);
  };
  const struct {
    std::function<void(v1::JobSpec*)> spoil;
    const char* path;
  } cases[] = {
      {[&](v1::JobSpec* spec) { add_to(spec); }, "spec: "},
      {[&](v1::JobSpec* spec) { add_to(spec->mutable_learned_optimizer()); }, "learned_optimizer: "},
      {[&](v1::JobSpec* spec) { add_to(spec->mutable_learned_optimizer()->mutable_clusters(1)); },
       "learned_optimizer.clusters[1]: "},
      {[&](v1::JobSpec* spec) { add_to(spec->mutable_strategy()->mutable_sigma()); }, "strategy.sigma: "},
  };
  for (const auto& c : cases) {
    v1::JobSpec spec = Job(R"({"generations": 1, "strategy": {"sigma": {}}, "learned_optimizer": {"clusters": [
      {"name": "a", "problems": ["softmax"]}, {"name": "b", "problems": ["softmax"]}]}})");
    EXPECT_TRUE(Resolve(spec).ok()) << Resolve(spec).status();
    c.spoil(&spec);
    EXPECT_EQ(Resolve(spec).status().message(),
              std::string(c.path) + "field number 9999, expected fields that this build knows; what sent it is newer");
  }
  v1::EvaluationSpec evaluation;
  add_to(&evaluation);
  EXPECT_EQ(Resolve(evaluation, "evaluation").status().message().substr(0, 29), "evaluation: field number 9999");
}

TEST(TaskNameTest, IsTheFieldOfTheOneof) {
  EXPECT_EQ(TaskName(Job(PROTO_NET())), "proto_net");
  EXPECT_EQ(TaskName(Job(SPHERE())), "sphere");
  EXPECT_EQ(TaskName(Job(R"({"learned_optimizer": {}})")), "learned_optimizer");
  EXPECT_EQ(TaskName(Job(R"({"influence": {}})")), "influence");
  EXPECT_EQ(TaskName(v1::JobSpec()), "");
}

}  // namespace
}  // namespace seedcast
