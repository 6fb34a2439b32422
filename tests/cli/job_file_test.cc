#include "cli/job_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSphere[] = "sphere: {dimension: 3}\ngenerations: 10\n";

std::string ErrorOf(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return std::string(ParseJobFile(text, "job.yaml", overrides).status().message());
}

TEST(ParseJobFileTest, KeepsTheSpecAsWritten) {
  const auto spec = ParseJobFile(kSphere, "job.yaml", {"strategy.population_size=4"});
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->sphere().dimension(), 3);
  EXPECT_EQ(spec->strategy().population_size(), 4);
  EXPECT_FALSE(spec->has_validation()) << "defaults are the coordinator's";
}

struct OutOfRange {
  std::string yaml;  // beside a task and generations
  std::string message;
};

TEST(ParseJobFileTest, RangeErrorsNameFileLinePathAndValue) {
  const OutOfRange kCases[] = {
      {"strategy:\n  population_size: 7", "job.yaml:4: strategy.population_size: 7, expected an even number in 2 .. "},
      {"strategy:\n  population_size: 0",
       "job.yaml:4: strategy.population_size: 0 is out of its range; leave it out for "
       "the default, 512"},
      {"strategy: {sigma: {initial: -1}}", "job.yaml:3: strategy.sigma.initial: -1, expected"},
      {"strategy: {sigma: {initial: 0}}", "job.yaml:3: strategy.sigma.initial: 0, expected"},
      {"strategy:\n  adam: {beta1: 2}", "job.yaml:4: strategy.adam.beta1: 2, expected"},
      {"max_workers: -1", "job.yaml:3: max_workers: -1, expected"},
      {"snapshot_every: 0", "job.yaml:3: snapshot_every: 0 is out of its range"},
      {"name: Not Legal", "job.yaml:3: name: \"Not Legal\", expected"},
      {"name: ''", "job.yaml:3: name: \"\" is out of its range; leave it out for the default, \"job\""},
  };
  for (const OutOfRange& bad : kCases) {
    EXPECT_THAT(ErrorOf(kSphere + bad.yaml), StartsWith(bad.message)) << bad.yaml;
  }
}

TEST(ParseJobFileTest, RangeErrorsOfOverridesNameTheOverride) {
  EXPECT_THAT(ErrorOf(kSphere, {"seed=3", "strategy.population_size=7"}),
              StartsWith("--set strategy.population_size=7: strategy.population_size: 7, expected"));
  EXPECT_THAT(ErrorOf(kSphere, {"sphere.dimension=0"}),
              StartsWith("--set sphere.dimension=0: sphere.dimension: 0 is out of its range"));
  EXPECT_EQ(ErrorOf(kSphere, {"sphere.fitness_noise=0", "validation.every=0"}), "") << "0 is a value there";
}

TEST(ParseJobFileTest, ValidationMayOnlySayWhatItsTaskReads) {
  EXPECT_EQ(ErrorOf(std::string(kSphere) + "validation:\n  episodes: {episodes: 4}\n"), "");
  EXPECT_EQ(ErrorOf(std::string(kSphere) + "validation:\n  episodes:\n    way: 5\n"),
            "job.yaml:5: validation.episodes.way: 5, expected nothing with sphere, whose episodes have no classes");
  EXPECT_EQ(ErrorOf(kSphere, {"validation.episodes.steps=7"}),
            "--set validation.episodes.steps=7: validation.episodes.steps: 7, expected nothing with sphere, whose "
            "episodes have no inner steps");
  const std::string proto_net = "generations: 1\nproto_net: {}\nvalidation: {episodes: {way: 20, shot: 1, query: 2";
  EXPECT_EQ(ErrorOf(proto_net + "}}"), "");
  EXPECT_THAT(ErrorOf(proto_net + ", steps: 3}}"), HasSubstr("expected nothing with proto_net"));
  const std::string optimizer = "generations: 1\nlearned_optimizer: {clusters: [{name: a, problems: [bowl]}]}\n";
  EXPECT_EQ(ErrorOf(optimizer, {"validation.episodes.steps=7"}), "");
  EXPECT_THAT(ErrorOf(optimizer, {"validation.episodes.query=7"}),
              HasSubstr("expected nothing with learned_optimizer"));
}

constexpr char kClusters[] = R"(generations: 10
learned_optimizer:
  clusters:
  - name: bowls
    problems: [bowl]
  - name: bowls
    problems: [softmax]
    weight: 0
)";

TEST(ParseJobFileTest, RangeErrorsNameTheItemOfAList) {
  EXPECT_EQ(ErrorOf(kClusters),
            "job.yaml:6: learned_optimizer.clusters[1].name: \"bowls\" again, expected each name once");
  EXPECT_EQ(ErrorOf("generations: 1\nproto_net:\n  filters_per_block:\n  - 16\n  - 40"),
            "job.yaml:5: proto_net.filters_per_block[1]: 40, expected a multiple of 16 in 16 .. 256");
}

TEST(ParseJobFileTest, AnUnknownProblemIsNamedWithItsLine) {
  EXPECT_THAT(ErrorOf("generations: 1\nlearned_optimizer:\n  clusters:\n  - name: a\n    problems: [bowl, sofmax]"),
              StartsWith("job.yaml:5: learned_optimizer.clusters[0].problems[1]: problem 'sofmax': "));
}

TEST(ParseJobFileTest, WrittenZerosAreFoundInsideLists) {
  std::string text = kClusters;
  text.replace(text.find("bowls", text.find("bowls") + 1), 5, "nets");
  EXPECT_EQ(ErrorOf(text),
            "job.yaml:8: learned_optimizer.clusters[1].weight: 0 is out of its range; leave it out for the default, 1");
  EXPECT_EQ(ErrorOf(text, {"sphere.dimension=3"}), "") << "the lists went with their task";
}

TEST(ParseJobFileTest, MissingPartsAreNamed) {
  EXPECT_THAT(ErrorOf("generations: 3"), StartsWith("job.yaml: task: missing, expected one of proto_net, sphere, "));
  EXPECT_THAT(ErrorOf("sphere: {}"), StartsWith("job.yaml: generations: 0, expected 1 .. "));
}

class LoadJobFileTest : public ::testing::Test {
 protected:
  const TemporaryDirectory folder_;
};

TEST_F(LoadJobFileTest, SaysWhatIsWrongWithTheFile) {
  const auto missing = LoadJobFile(folder_ / "none.yaml", {});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("none.yaml: cannot be opened: No such file"));
  EXPECT_THAT(std::string(LoadJobFile(folder_.path(), {}).status().message()),
              HasSubstr("cannot be read: Is a directory"));
  EXPECT_THAT(std::string(LoadJobFile("/dev/zero", {}).status().message()),
              HasSubstr("/dev/zero: too large for a job file, expected at most 1048576 bytes"));
  std::ofstream(folder_ / "binary.yaml") << std::string("\x00\xff\x01 {", 5);
  EXPECT_EQ(LoadJobFile(folder_ / "binary.yaml", {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoadJobFileTest, EveryExampleIsLegal) {
  const char* source = std::getenv("SEEDCAST_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "SEEDCAST_SOURCE_DIR is not set";
  int examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(source) + "/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    ++examples;
    EXPECT_TRUE(LoadJobFile(entry.path(), {}).ok()) << LoadJobFile(entry.path(), {}).status();
  }
  EXPECT_GE(examples, 4);
}

}  // namespace
}  // namespace seedcast
