#include "common/config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/help.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

// A process with a few options.
struct Process {
  CLI::App app;
  double ttl = 30;
  std::string listen = "default";
  bool insecure = false;
  bool once = false;
  std::optional<Configuration> configuration;
  std::vector<absl::Status> problems;

  explicit Process(Configuration::OtherParts other_parts = Configuration::OtherParts::kRefused) {
    app.add_option("--ttl", ttl)->capture_default_str();
    app.add_option("--listen", listen)->capture_default_str();
    app.add_flag("--insecure", insecure);
    app.add_flag("--once", once)->configurable(false);
    configuration.emplace(&app, other_parts);
  }

  // The first problem.
  absl::Status Read(const std::string& arguments, std::vector<const char*> environment) {
    app.parse(arguments);
    environment.push_back(nullptr);
    problems = configuration->Complete(environment.data());
    return problems.empty() ? absl::OkStatus() : problems.front();
  }
};

class ConfigurationTest : public ::testing::Test {
 protected:
  std::string File(const std::string& text) {
    std::ofstream(directory_ / "c.yaml") << text;
    return directory_ / "c.yaml";
  }

  TemporaryDirectory directory_;
};

TEST_F(ConfigurationTest, TheCommandLineWinsOverTheEnvironmentThatOverTheFileThatOverTheDefault) {
  Process process;
  const std::string file = "--config " + File("ttl: 1\nlisten: file\ninsecure: true\n");
  ASSERT_TRUE(process.Read(file + " --ttl 3", {"SEEDCAST_TTL=2", "SEEDCAST_LISTEN=environment"}).ok());
  EXPECT_EQ(process.ttl, 3);
  EXPECT_EQ(process.listen, "environment");
  EXPECT_TRUE(process.insecure);
}

TEST_F(ConfigurationTest, TheEnvironmentMayNameTheFile) {
  Process process;
  const std::string config = "SEEDCAST_CONFIG=" + File("# only this\nlisten: file\n");
  ASSERT_TRUE(process.Read("", {config.c_str()}).ok());
  EXPECT_EQ(process.listen, "file");
  EXPECT_EQ(process.ttl, 30);
}

TEST_F(ConfigurationTest, AnEmptyVariableCountsAsNone) {
  Process process;
  ASSERT_TRUE(process.Read("", {"SEEDCAST_TTL=", "SEEDCAST_CONFIG="}).ok());
  EXPECT_EQ(process.ttl, 30);
}

TEST_F(ConfigurationTest, AnEmptyVariableIsTakenWhereTheHelpSaysWhatEmptyMeans) {
  Process process;
  std::string http = "default", cache = "default";
  process.app.add_option("--http", http, "Where pages are; empty: nowhere")->capture_default_str();
  process.app.add_option("--cache", cache, "A directory")->capture_default_str();
  const std::string file = "--config " + File("http: file\ncache: file\n");
  ASSERT_TRUE(process.Read(file, {"SEEDCAST_HTTP=", "SEEDCAST_CACHE="}).ok());
  EXPECT_EQ(http, "");
  EXPECT_EQ(cache, "file");
  EXPECT_THAT(process.configuration->Describe(), HasSubstr("http:   # SEEDCAST_HTTP\n"));
}

TEST_F(ConfigurationTest, AFlagMayBeSwitchedOff) {
  Process process;
  ASSERT_TRUE(process.Read("--insecure=false --config " + File("insecure: true"), {}).ok());
  EXPECT_FALSE(process.insecure);
}

TEST_F(ConfigurationTest, SaysWhatHoldsAndWhereItComesFrom) {
  Process process;
  const std::string path = File("\nttl: 1\n");
  ASSERT_TRUE(process.Read("--insecure --config " + path, {"SEEDCAST_LISTEN=x:1"}).ok());
  EXPECT_EQ(process.configuration->Describe(),
            "ttl: 1  # " + path + ":2\nlisten: x:1  # SEEDCAST_LISTEN\ninsecure: true  # command line\n");
}

TEST_F(ConfigurationTest, NamesAllThatIsWrongAndTakesTheRest) {
  Process process;
  const std::string file = "--config " + File("ttl: soon\nlistn: a\nlisten: b");
  ASSERT_FALSE(process.Read(file, {"SEEDCAST_TLL=1", "SEEDCAST_LISTNE=2"}).ok());
  EXPECT_EQ(process.problems.size(), 4u);
  EXPECT_EQ(process.listen, "b");
  EXPECT_EQ(process.ttl, 30);
}

TEST_F(ConfigurationTest, OptionsOfOtherPartsAreLetPassInAFileForSeveral) {
  Process process(Configuration::OtherParts::kLetPass);
  ASSERT_TRUE(process.Read("--config " + File("inner-state-mb: 3\nttl: 1"), {}).ok());
  EXPECT_EQ(process.ttl, 1);
  Process strict;
  EXPECT_FALSE(strict.Read("--config " + File("inner-state-mb: 3"), {}).ok());
  Process misspelt(Configuration::OtherParts::kLetPass);
  EXPECT_FALSE(misspelt.Read("--config " + File("inner-states-mb: 3"), {}).ok());
}

TEST_F(ConfigurationTest, AnOptionOfTheCommandLineWinsOverThoseThatItExcludes) {
  Process process;
  process.app.get_option("--listen")->excludes("--ttl");
  ASSERT_TRUE(process.Read("--listen here", {"SEEDCAST_TTL=2"}).ok());
  EXPECT_EQ(process.ttl, 30);
}

TEST_F(ConfigurationTest, SaysBehindAMessageWhereTheOptionsValueComesFrom) {
  Process process;
  const std::string path = File("ttl: 1\n");
  ASSERT_TRUE(process.Read("--insecure --config " + path, {"SEEDCAST_LISTEN=x:1"}).ok());
  const auto with_origin = [&](const char* message) { return process.configuration->WithOrigin(message); };
  EXPECT_EQ(with_origin("ttl: 1, expected 2"), "ttl: 1, expected 2 (from " + path + ":1)");
  EXPECT_EQ(with_origin("listen: in use"), "listen: in use (from SEEDCAST_LISTEN)");
  EXPECT_EQ(with_origin("insecure: no"), "insecure: no (from the command line)");
  EXPECT_EQ(with_origin("once: no"), "once: no") << "the command line's alone";
  EXPECT_EQ(with_origin("something else: no"), "something else: no");
  Process defaults;
  ASSERT_TRUE(defaults.Read("", {}).ok());
  EXPECT_EQ(defaults.configuration->WithOrigin("listen: in use"), "listen: in use (from the default)");
}

TEST_F(ConfigurationTest, TheCommandLineSaysWhatAnOptionTakes) {
  const struct {
    const char* arguments;
    const char* says;
  } cases[] = {
      {"--ttl soon", "--ttl: 'soon', expected a number of seconds"},
      {"--slots 1.5", "--slots: '1.5', expected a whole number"},
      {"--insecure=maybe", "--insecure: 'maybe', expected true or false"},
      {"run --sigma big", "--sigma: 'big', expected a number"},
      {"--other", "The following argument was not expected: --other"},
  };
  for (const auto& c : cases) {
    Process process;
    int slots = 0;
    double sigma = 0;
    UseHelpStyle(&process.app);
    process.app.get_option("--ttl")->type_name("SECONDS");
    process.app.add_option("--slots", slots);
    process.app.add_subcommand("run")->add_option("--sigma", sigma);
    std::ostringstream out, error;
    try {
      process.app.parse(c.arguments);
    } catch (const CLI::ParseError& refused) {
      process.app.exit(refused, out, error);
    }
    EXPECT_THAT(error.str(), ::testing::StartsWith(absl::StrCat(c.says, "\nRun with --help"))) << c.arguments;
  }
}

TEST_F(ConfigurationTest, AnEmptyFileSaysNothing) {
  for (const std::string& empty : {std::string("/dev/null"), File("")}) {
    Process process;
    EXPECT_TRUE(process.Read("--config " + empty, {}).ok()) << empty;
  }
  Process process;
  EXPECT_THAT(std::string(process.Read("--config /", {}).message()), HasSubstr("/: Is a directory"));
}

TEST_F(ConfigurationTest, NamesThePlaceOfWhatIsWrong) {
  const struct {
    const char* file;
    const char* says;
  } cases[] = {
      {"ttl: soon", "c.yaml:1: ttl: 'soon', expected a number"},
      {"\n\nlisten: a\nlistn: b", "c.yaml:4: listn: unknown option; did you mean listen?"},
      {"ttl: 1\nttl: 2", "c.yaml:2: ttl: stands in line 1 already"},
      {"ttl: [1, 2]", "c.yaml:1: ttl: expected one value"},
      {"ttl:", "c.yaml:1: ttl: expected one value"},
      {"insecure: perhaps", "c.yaml:1: insecure: 'perhaps', expected true or false"},
      {"once: true", "c.yaml:1: once: unknown option"},
      {"config: other.yaml", "c.yaml:1: config: unknown option"},
      {"just text", "expected lines of the form 'option: value'"},
      {"a: [", "c.yaml:1: end of sequence flow not found"},
  };
  for (const auto& c : cases) {
    Process process;
    const absl::Status status = process.Read("--config " + File(c.file), {});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
  Process process;
  EXPECT_THAT(std::string(process.Read("", {"SEEDCAST_TTL=soon"}).message()), HasSubstr("SEEDCAST_TTL: ttl: 'soon'"));
  EXPECT_THAT(std::string(process.Read("--config none.yaml", {}).message()), HasSubstr("none.yaml: No such file"));
}

}  // namespace
}  // namespace seedcast
