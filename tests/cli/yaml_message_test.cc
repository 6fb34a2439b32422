#include "cli/yaml_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "seedcast/v1/job.pb.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

TEST(MergeYamlTest, SetsFieldsOfEveryKind) {
  v1::JobSpec spec;
  Origins origins;
  const absl::Status status = MergeYaml(R"(
name: "omniglot"
seed: 18446744073709551615
proto_net: {way: 20, dataset: GLYPHS}
strategy:
  population_size: 256
  sigma: {initial: 0.1}
  adam: {}
  noise: SIGN
generations: 1000
)",
                                        "job.yaml", &spec, &origins);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(spec.name(), "omniglot");
  EXPECT_EQ(spec.seed(), 18446744073709551615u);
  EXPECT_EQ(spec.proto_net().way(), 20);
  EXPECT_EQ(spec.proto_net().dataset(), v1::ProtoNetTask::GLYPHS);
  EXPECT_EQ(spec.strategy().population_size(), 256);
  EXPECT_EQ(spec.strategy().sigma().initial(), 0.1);
  EXPECT_TRUE(spec.strategy().has_adam());
  EXPECT_EQ(spec.strategy().noise(), v1::Strategy::SIGN);
  EXPECT_EQ(spec.generations(), 1000);
}

TEST(MergeYamlTest, ReadsListsAndSwitches) {
  v1::JobSpec spec;
  Origins origins;
  const absl::Status status = MergeYaml(R"(
learned_optimizer:
  clusters:
  - {name: a, problems: [softmax, 'noisy(bowl(5, 45), 0.1)']}
  - name: b
    problems: []
  unroll: {independent: true}
  published: {carried_state: false}
)",
                                        "job.yaml", &spec, &origins);
  ASSERT_TRUE(status.ok()) << status;
  const v1::LearnedOptimizerTask& task = spec.learned_optimizer();
  ASSERT_EQ(task.clusters_size(), 2);
  EXPECT_THAT(task.clusters(0).problems(), ElementsAre("softmax", "noisy(bowl(5, 45), 0.1)"));
  EXPECT_EQ(task.clusters(1).name(), "b");
  EXPECT_TRUE(task.unroll().independent());
  EXPECT_FALSE(task.published().carried_state());
  EXPECT_EQ(origins["learned_optimizer.clusters[1].problems"], "job.yaml:6");
}

TEST(MergeYamlTest, EnumsAreReadInAnyCase) {
  v1::JobSpec spec;
  Origins origins;
  ASSERT_TRUE(MergeYaml("strategy: {estimator: full_es, noise: Sign}", "job.yaml", &spec, &origins).ok());
  EXPECT_EQ(spec.strategy().estimator(), v1::Strategy::FULL_ES);
  EXPECT_EQ(spec.strategy().noise(), v1::Strategy::SIGN);
}

TEST(MergeYamlTest, RemembersTheLineOfEachField) {
  v1::JobSpec spec;
  Origins origins;
  ASSERT_TRUE(MergeYaml("name: a\nstrategy:\n  population_size: 4\n", "job.yaml", &spec, &origins).ok());
  EXPECT_THAT(origins, ElementsAre(Pair("name", "job.yaml:1"), Pair("strategy", "job.yaml:2"),
                                   Pair("strategy.population_size", "job.yaml:3")));
}

struct BadYaml {
  std::string text;
  std::string message;  // begins with this
};

const BadYaml kBadYaml[] = {
    {"", "job.yaml: no value, expected a mapping with some of name, seed, "},
    {"[]", "job.yaml: a list, expected a mapping with some of name, "},
    {"hello", "job.yaml: hello, expected a mapping"},
    {"name: [", "job.yaml:1: not YAML: "},
    {"strategy:\n\tweight_decay: 1", "job.yaml:2: not YAML: tabs cannot indent"},
    {"strategy:\n  \tweight_decay: 1", "job.yaml:2: not YAML: tabs cannot indent"},
    {"name: *nowhere", "job.yaml:1: not YAML: "},
    {"name: a\n---\nname: b", "job.yaml: more than one document, expected one"},
    {",", "job.yaml: more than one document, expected one"},
    {"seed: 1\npopsize: 3", "job.yaml:2: popsize: unknown field, expected one of name, seed, proto_net, "},
    {"strategy: {popsize: 3}", "job.yaml:1: strategy.popsize: unknown field, expected one of population_size, sigma, "},
    {"strategy: {populationSize: 3}", "job.yaml:1: strategy.populationSize: unknown field"},
    {"[a, b]: 3", "job.yaml:1: a key that is not a name"},
    {"seed: 1\nseed: 2", "job.yaml:2: seed: given twice"},
    {"seed: -1", "job.yaml:1: seed: -1, expected an integer of 0 or more"},
    {"seed: 18446744073709551616", "job.yaml:1: seed: 18446744073709551616, expected a smaller integer"},
    {"generations: ten", "job.yaml:1: generations: ten, expected an integer"},
    {"generations: 1.5", "job.yaml:1: generations: 1.5, expected an integer"},
    {"generations: ''", "job.yaml:1: generations: \"\", expected an integer"},
    {"generations:", "job.yaml:1: generations: no value, expected an integer"},
    {"generations: ~", "job.yaml:1: generations: no value, expected an integer"},
    {"generations: [1]", "job.yaml:1: generations: a list, expected an integer"},
    {"name: {a: b}", "job.yaml:1: name: a mapping, expected text"},
    {"max_workers: 2147483648", "job.yaml:1: max_workers: 2147483648, expected a smaller integer"},
    {"strategy: {weight_decay: .nan}", "job.yaml:1: strategy.weight_decay: .nan, expected a number"},
    {"strategy: {weight_decay: inf}", "job.yaml:1: strategy.weight_decay: inf, expected a number"},
    {"strategy: {weight_decay: 1e999}", "job.yaml:1: strategy.weight_decay: 1e999, expected a number"},
    {"strategy:\n", "job.yaml:1: strategy: no value, expected a mapping with some of population_size, "},
    {"strategy: fast", "job.yaml:1: strategy: fast, expected a mapping with some of population_size, "},
    {"strategy: {sigma: 0.1}", "job.yaml:1: strategy.sigma: 0.1, expected a mapping with some of initial, decay, "},
    {"strategy: {noise: GAUSSIAN}", "job.yaml:1: strategy.noise: GAUSSIAN, expected one of POPCOUNT, SIGN"},
    {"strategy: {noise: NOISE_UNSPECIFIED}", "job.yaml:1: strategy.noise: NOISE_UNSPECIFIED, expected one of POPCOUNT"},
    {"strategy: {noise: 1}", "job.yaml:1: strategy.noise: 1, expected one of POPCOUNT, SIGN"},
    {"sphere: {}\nproto_net: {}", "job.yaml:2: proto_net: cannot stand beside sphere, expected one task"},
    {"strategy: {adam: {}, sgd: {}}", "job.yaml:1: strategy.sgd: cannot stand beside adam, expected one optimizer"},
    {"strategy: {estimator: es}",
     "job.yaml:1: strategy.estimator: es, expected one of FULL_ES, TRUNCATED_ES, PES, NRES, GRADIENT"},
    {"learned_optimizer: {unroll: {independent: 1}}",
     "job.yaml:1: learned_optimizer.unroll.independent: 1, expected true or false"},
    {"proto_net: {filters_per_block: 16}",
     "job.yaml:1: proto_net.filters_per_block: 16, expected a list, each an integer"},
    {"proto_net:\n  filters_per_block:\n  - 16\n  - many",
     "job.yaml:4: proto_net.filters_per_block[1]: many, expected an integer"},
    {"learned_optimizer: {clusters: bowls}",
     "job.yaml:1: learned_optimizer.clusters: bowls, expected a list, each a mapping with some of name, problems, "},
    {"learned_optimizer:\n  clusters:\n  - name: a\n  - bowls",
     "job.yaml:4: learned_optimizer.clusters[1]: bowls, expected a mapping with some of name, problems, weight"},
    {"learned_optimizer:\n  clusters:\n  - name: a\n    problem: x",
     "job.yaml:4: learned_optimizer.clusters[0].problem: unknown field, expected one of name, problems, weight; "
     "did "},
    {"a: &a {strategy: *a}", "job.yaml:1: a: unknown field"},
    {"strategy: &a {strategy: *a}", "job.yaml:1: strategy.strategy: unknown field"},
};

TEST(MergeYamlTest, SaysWhichWayANumberLeftItsType) {
  const auto error_of = [](absl::string_view yaml) {
    v1::JobSpec spec;
    Origins origins;
    return std::string(MergeYaml(yaml, "job.yaml", &spec, &origins).message());
  };
  EXPECT_EQ(error_of("generations: ten"), "job.yaml:1: generations: ten, expected an integer");
  EXPECT_EQ(error_of("generations: 1.5"), "job.yaml:1: generations: 1.5, expected an integer");
  EXPECT_EQ(error_of("generations: -9223372036854775809"),
            "job.yaml:1: generations: -9223372036854775809, expected a larger integer");
}

TEST(MergeYamlTest, RefusesBadYamlWithALineThatSaysWhere) {
  for (const BadYaml& bad : kBadYaml) {
    v1::JobSpec spec;
    Origins origins;
    const absl::Status status = MergeYaml(bad.text, "job.yaml", &spec, &origins);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_THAT(std::string(status.message()), StartsWith(bad.message)) << bad.text;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << bad.text;
  }
}

std::string ErrorOf(const std::string& text) {
  v1::JobSpec spec;
  Origins origins;
  return std::string(MergeYaml(text, "job.yaml", &spec, &origins).message());
}

TEST(MergeYamlTest, SuggestsTheNearestName) {
  EXPECT_THAT(ErrorOf("strategy: {populatoin_size: 3}"), HasSubstr("; did you mean population_size?"));
  EXPECT_THAT(ErrorOf("strategy: {populationSize: 3}"), HasSubstr("; did you mean population_size?"));
  EXPECT_THAT(ErrorOf("numeric_class: f23"), HasSubstr("; did you mean F32?"));
  EXPECT_THAT(ErrorOf("strategy: {shaping: CENTRED_RANKS}"), HasSubstr("; did you mean CENTERED_RANKS?"));
  EXPECT_THAT(ErrorOf("entirely_else: 3"), Not(HasSubstr("did you mean")));
}

TEST(MergeYamlTest, CutsAndEscapesWhatItShows) {
  const std::string message = ErrorOf("generations: \"" + std::string(100'000, 'x') + "\"");
  EXPECT_LT(message.size(), 250u);
  EXPECT_THAT(ErrorOf("generations: \"a\\nb\\e[31m\""), AllOf(HasSubstr("a\\nb"), Not(HasSubstr("\x1b"))));
}

TEST(MergeYamlTest, RefusesDeepNestingWithoutFollowingIt) {
  EXPECT_THAT(ErrorOf("name: " + std::string(100'000, '[')), HasSubstr("not YAML"));
  std::string mappings = "strategy: ";
  for (int i = 0; i < 300; ++i) mappings += "{sigma: ";
  mappings += "1" + std::string(300, '}');
  EXPECT_THAT(ErrorOf(mappings), HasSubstr("strategy.sigma.sigma: unknown field"));
}

TEST(MergeYamlTest, AliasBombsCostNothing) {
  std::string bomb = "a0: &a0 {x: y}\n";
  for (int i = 1; i < 60; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + previous + ", " + previous + "]\n";
  }
  EXPECT_THAT(ErrorOf(bomb + "name: *a59"), HasSubstr("unknown field"));
  EXPECT_THAT(ErrorOf("strategy: &s {noise: SIGN}\nproto_net: *s"), HasSubstr("proto_net.noise: unknown field"));
}

struct Assignment {
  std::string text;
  std::string message;
};

TEST(SetFieldTest, AppliesTheSameRulesByPath) {
  v1::JobSpec spec;
  Origins origins;
  for (const char* assignment : {"strategy.population_size=256", "strategy.sigma={initial: 0.2, decay: LINEAR}",
                                 "name=a=b", "proto_net.way=5", "strategy.sgd.momentum=0.5"}) {
    const absl::Status status = SetField(assignment, &spec, &origins);
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_EQ(spec.strategy().population_size(), 256);
  EXPECT_EQ(spec.strategy().sigma().initial(), 0.2);
  EXPECT_EQ(spec.strategy().sigma().decay(), v1::Schedule::LINEAR);
  EXPECT_EQ(spec.name(), "a=b");
  EXPECT_EQ(spec.strategy().sgd().momentum(), 0.5);
  EXPECT_EQ(origins["proto_net.way"], "--set proto_net.way=5");
}

TEST(SetFieldTest, ReplacesAList) {
  v1::JobSpec spec;
  Origins origins;
  ASSERT_TRUE(SetField("proto_net.filters_per_block=[16, 32, 64]", &spec, &origins).ok());
  ASSERT_TRUE(SetField("proto_net.filters_per_block=[48]", &spec, &origins).ok());
  EXPECT_THAT(spec.proto_net().filters_per_block(), ElementsAre(48));
  EXPECT_THAT(origins, ElementsAre(Pair("proto_net.filters_per_block", "--set proto_net.filters_per_block=[48]"),
                                   Pair("proto_net.filters_per_block[0]", "--set proto_net.filters_per_block=[48]")));
}

TEST(SetFieldTest, ReplacesTheOtherMemberOfAOneof) {
  v1::JobSpec spec;
  spec.mutable_strategy()->mutable_adam();
  Origins origins;
  ASSERT_TRUE(SetField("strategy.sgd={}", &spec, &origins).ok());
  EXPECT_TRUE(spec.strategy().has_sgd());
}

TEST(SetFieldTest, RefusesWithTheAssignmentInTheMessage) {
  const Assignment kBad[] = {
      {"generations", "--set generations: expected path.to.field=value"},
      {"=3", "--set =3: expected path.to.field=value"},
      {"strategy.popsize=3", "--set strategy.popsize=3: strategy.popsize: unknown field, expected one of population_"},
      {"strategy..noise=SIGN", "--set strategy..noise=SIGN: strategy.: unknown field"},
      {"generations.x=3", "--set generations.x=3: generations: has no fields, expected an integer"},
      {"generations=", "--set generations=: generations: no value, expected an integer"},
      {"generations=many", "--set generations=many: generations: many, expected an integer"},
      {"generations=[", "--set generations=[: not YAML: "},
      {"strategy.noise=sing",
       "--set strategy.noise=sing: strategy.noise: sing, expected one of POPCOUNT, SIGN; did you"},
      {"learned_optimizer.clusters.name=a",
       "--set learned_optimizer.clusters.name=a: learned_optimizer.clusters: has no fields, expected a list, each a "
       "mapping with some of name, problems, weight"},
      {"strategy=3", "--set strategy=3: strategy: 3, expected a mapping with some of"},
  };
  for (const Assignment& bad : kBad) {
    v1::JobSpec spec;
    Origins origins;
    const absl::Status status = SetField(bad.text, &spec, &origins);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_THAT(std::string(status.message()), StartsWith(bad.message)) << bad.text;
  }
}

}  // namespace
}  // namespace seedcast
