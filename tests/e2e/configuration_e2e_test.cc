// Wrong options, files and environments, given to the real programs: one clear line each, and an exit code that is not
// 0.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/common/tls/forge.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/shell.h"
#include "tests/testing/certificates.h"
#include "tests/testing/read_text.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

class ConfigurationE2eTest : public ClusterTest {
 protected:
  // Options for a leaf of `role` from the authority of this name, made at `now`; a space before them.
  std::string Certificate(const std::string& authority, Role role, absl::Time now = absl::Now()) {
    return " " + TlsOptions(IssueLeaf(directory_ / authority, role, now, absl::Hours(1)));
  }

  static void ExpectOneLine(const std::string& command, int exit_code, const std::string& says) {
    const ShellResult result = Shell("timeout 30 " + command);
    EXPECT_EQ(result.exit_code, exit_code) << command << "\n" << result.output;
    EXPECT_THAT(result.output, HasSubstr(says)) << command;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
  }
};

TEST_F(ConfigurationE2eTest, WrongCertificatesAreNamedByEveryProgram) {
  const std::string good = Certificate("good", Role::kCoordinator);
  const std::string other_key = absl::StrCat(" --tls-key ", directory_ / "other/coordinator/tls.key");
  const std::string other_authority = absl::StrCat(" --tls-ca ", directory_ / "other/ca.crt");
  Certificate("other", Role::kCoordinator);
  const auto without = [&](const std::string& option) { return good.substr(0, good.find(option)); };
  const std::string expired = Certificate("expired", Role::kCoordinator, absl::Now() - absl::Hours(2));
  const std::string early = Certificate("early", Role::kCoordinator, absl::Now() + absl::Hours(2));
  const std::string two_names = Certificate("two", Role::kCoordinator);
  ForgeNames(directory_ / "two", directory_ / "two/coordinator/tls.crt",
             "URI:seedcast://role/coordinator/a,URI:seedcast://role/admin/a,DNS:localhost");
  const struct {
    std::string options;
    const char* says;
  } cases[] = {
      {" --tls-cert " + directory_ / "none", "none: No such file or directory"},
      {without(" --tls-ca"), "tls-ca: not given"},
      {without(" --tls-key") + other_key + good.substr(good.find(" --tls-ca")), "is not the key of the certificate"},
      {without(" --tls-ca") + other_authority, "is not signed by the authority in tls-ca "},
      {expired, "has expired at"},
      {early, "is not valid before"},
      {two_names, "certificate has 2 URI names, expected one"},
  };
  for (const auto& c : cases) {
    ExpectOneLine("$COORDINATOR --check-config" + c.options, 2, c.says);
    ExpectOneLine("$WORKER --check-config" + c.options, 2, c.says);
    ExpectOneLine("$CLI list --coordinator 127.0.0.1:1" + c.options, 2, c.says);
  }
  ExpectOneLine("$COORDINATOR --check-config" + Certificate("good", Role::kWorker), 2, "is not for a server");
  for (const std::string check : {"", " --check-config >/dev/null"}) {
    ExpectOneLine("$WORKER --http ''" + check + Certificate("good", Role::kSubmitter), 2,
                  "is of the role submitter, expected worker (from the command line)");
  }
  ExpectOneLine(
      "env SEEDCAST_TLS_CA=" + directory_ / "none" + " $CLI list --check-config >/dev/null" + without(" --tls-ca"), 2,
      "none: No such file or directory (from SEEDCAST_TLS_CA)");
}

TEST_F(ConfigurationE2eTest, WrongOptionsAreNamed) {
  std::ofstream(directory_ / "c.yaml") << "log-format: json\nlease_ttl: 3\n";
  for (const std::string program : {"$COORDINATOR", "$WORKER"}) {
    ExpectOneLine("env SEEDCAST_LOGFORMAT=json " + program, 2, "did you mean SEEDCAST_LOG_FORMAT?");
    ExpectOneLine("env SEEDCAST_LOG_FORMAT=xml " + program, 2,
                  "SEEDCAST_LOG_FORMAT: log-format: 'xml' cannot be taken");
    ExpectOneLine(program + " --config " + directory_ / "c.yaml", 2, "c.yaml:2: lease_ttl: unknown option");
    ExpectOneLine(program + " --config " + directory_ / "none.yaml", 2, "none.yaml: No such file or directory");
  }
  for (const std::string command : {"list", "run x.yaml", "version"}) {
    ExpectOneLine("env SEEDCAST_COORDINTOR=x $CLI " + command, 2, "did you mean SEEDCAST_COORDINATOR?");
  }
  std::ofstream(directory_ / "client.yaml") << "slots: 4\ncoordnator: a:1\n";
  ExpectOneLine("$CLI list --config " + directory_ / "client.yaml", 2,
                "client.yaml:2: coordnator: unknown option; did you mean coordinator?");
  ExpectOneLine("env SEEDCAST_COORDINATOR=here $CLI list", 2,
                "coordinator: 'here', expected host:port with a port of 1 .. 65535 (from SEEDCAST_COORDINATOR)");
  ExpectOneLine("$WORKER --coordinator host:0", 2, "coordinator: 'host:0', expected host:port");
  ExpectOneLine("$COORDINATOR --listen 0.0.0.0:0", 2, "expected a loopback address, or certificates");
  ExpectOneLine("$COORDINATOR --connection-age 0", 2, "connection-age: 0, expected 1s .. 576h");
  ExpectOneLine("$COORDINATOR --connection-age 4294968", 2, "expected 1s .. 576h (from the command line)");
  for (const std::string option : {"connection-age", "connection-idle", "lease-ttl"}) {
    for (const std::string never : {"nan", "inf", "1e300"}) {
      ExpectOneLine(absl::StrCat("$COORDINATOR --", option, " ", never), 2, ", expected a finite number of seconds");
    }
  }
  ExpectOneLine("$COORDINATOR --listen 127.0.0.1:99999", 2, "expected host:port with a port of 0 .. 65535");
  ExpectOneLine("$COORDINATOR --listen 127.0.0.1:nowhere", 2, "expected host:port with a port of 0 .. 65535");
  ExpectOneLine("$COORDINATOR --listen ipv4:127.0.0.1:0", 2, "expected host:port with a port of 0 .. 65535");
  ExpectOneLine("$COORDINATOR --health-listen 127.0.0.1:65536", 2, "health-listen: '127.0.0.1:65536', expected host");
  ExpectOneLine("env SEEDCAST_LEASE_TTL=abc $COORDINATOR", 2,
                "SEEDCAST_LEASE_TTL: lease-ttl: 'abc', expected a number of seconds");
  EXPECT_THAT(Shell("$COORDINATOR --lease-ttl abc").output,
              HasSubstr("--lease-ttl: 'abc', expected a number of seconds\n"));
  ExpectOneLine("env SEEDCAST_INSECURE=maybe $WORKER", 2, "insecure: 'maybe', expected true or false");
  ExpectOneLine("$WORKER --slots 0", 2, "slots: 0");
}

TEST_F(ConfigurationE2eTest, AVariableMaySwitchHttpOff) {
  for (const std::string& program :
       {"$COORDINATOR --listen 127.0.0.1:0 --store " + directory_ / "s", std::string("$WORKER")}) {
    const ShellResult result = Shell("env SEEDCAST_HTTP= " + program + " --check-config");
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_THAT(result.output, HasSubstr("http:   # SEEDCAST_HTTP\n"));
  }
}

TEST_F(ConfigurationE2eTest, PlacesThatCannotBeUsedAreNamed) {
  StartCoordinator({"--health-listen", "127.0.0.1:0"});
  std::ofstream(directory_ / "file") << "";
  const std::string store = " --http '' --store " + directory_ / "other";
  ExpectOneLine("$COORDINATOR --listen " + Address() + store, 1, "Address already in use");
  ExpectOneLine("$COORDINATOR --listen 127.0.0.1:0 --health-listen " + Address() + store, 1, "Address already in use");
  ExpectOneLine("$COORDINATOR --listen 127.0.0.1:0 --http '' --store " + directory_ / "file/store", 1,
                "cannot create directory");
  ExpectOneLine("$COORDINATOR --listen 127.0.0.1:0 --http '' --store /proc/seedcast", 1, "/proc/seedcast");
}

TEST_F(ConfigurationE2eTest, CheckConfigTriesThemAndSaysWhereTheyWereSet) {
  StartCoordinator();
  const std::string check = "$COORDINATOR --check-config >/dev/null --store " + directory_ / "other";
  const std::string alone = check + " --http '' --listen 127.0.0.1:0";
  std::ofstream(directory_ / "file") << "";
  std::ofstream(directory_ / "c.yaml") << "\nhttp: " << Address() << "\n";
  const struct {
    std::string command;
    const char* says;
  } cases[] = {
      {"env SEEDCAST_LISTEN=" + Address() + " " + check + " --http ''",
       "Address already in use (from SEEDCAST_LISTEN)"},
      {check + " --listen 127.0.0.1:0 --config " + directory_ / "c.yaml", "c.yaml:2)"},
      {alone + " --health-listen " + Address(), "health-listen: cannot listen on"},
      {alone + " --data " + directory_ / "nowhere", "nowhere: expected images_background.zip"},
      {alone + " --cache " + directory_ / "file/c", "cache: "},
      {"$COORDINATOR --check-config --http '' --listen 127.0.0.1:0 >/dev/null --store " + directory_ / "file/s",
       "file cannot be written"},
      {"$COORDINATOR --check-config --http '' --listen 127.0.0.1:0 >/dev/null --store /proc/s",
       "(from the command line)"},
      {"$WORKER --check-config >/dev/null --http " + Address(), "http: cannot listen on"},
      {"$WORKER --check-config >/dev/null --http '' --cache " + directory_ / "file/c", "cache: "},
  };
  for (const auto& c : cases) ExpectOneLine(c.command, 1, c.says);
  EXPECT_EQ(Shell(alone).output, "");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "other")) << "nothing is made";
  const ShellResult own =
      Shell("$COORDINATOR --check-config --http '' --listen " + Address() + " --store " + StoreDirectory());
  EXPECT_EQ(own.exit_code, 0) << own.output;
  EXPECT_THAT(own.output, HasSubstr(absl::StrCat("is open in process ", coordinator_->pid())));
}

TEST_F(ConfigurationE2eTest, CheckConfigSaysWhatHolds) {
  std::ofstream(directory_ / "c.yaml") << "lease-ttl: 12\nlog-format: json\n";
  const ShellResult result = Shell(
      "SEEDCAST_LEASE_TTL=13 $COORDINATOR --listen 127.0.0.1:0 --http '' --log-format text --check-config --store " +
      directory_ / "s --config " + directory_ / "c.yaml");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("lease-ttl: 13  # SEEDCAST_LEASE_TTL\n"));
  EXPECT_THAT(result.output, HasSubstr("log-format: text  # command line\n"));
  const ShellResult client =
      Shell("SEEDCAST_DATA= SEEDCAST_STORE=/s $CLI show --check-config job-1 --config " + directory_ / "c.yaml");
  EXPECT_EQ(client.exit_code, 0) << client.output;
  EXPECT_THAT(client.output, HasSubstr("store: /s  # SEEDCAST_STORE\n"));
}

// In the documented files a line '#name: value' is an option with its default, '# ...' a remark.
TEST_F(ConfigurationE2eTest, TheDocumentedFilesNameEveryOptionAndNoOther) {
  const char* source = std::getenv("SEEDCAST_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  for (const auto& [program, file] :
       {std::pair("$COORDINATOR", "coordinator.yaml"), std::pair("$WORKER", "worker.yaml")}) {
    const std::string documented = ReadText(absl::StrCat(source, "/deploy/config/", file));
    // Where a coordinator runs on this machine, its addresses are not free, which is none of this test's business.
    const ShellResult defaults = Shell(absl::StrCat(program, " --check-config 2>/dev/null"));
    EXPECT_THAT(defaults.output, HasSubstr("# default\n"));
    for (const absl::string_view line : absl::StrSplit(defaults.output, '\n', absl::SkipEmpty())) {
      if (absl::StartsWith(line, "#")) continue;
      const std::string option = absl::StrCat("\n#", line.substr(0, line.find(':') + 1));
      EXPECT_THAT(documented, HasSubstr(option)) << file;
    }
    std::ofstream(directory_ / file) << absl::StrReplaceAll(documented, {{"\n#", "\n"}, {"\n# ", "\n# "}});
    const ShellResult taken = Shell(absl::StrCat(program, " --check-config --config ", directory_ / file));
    EXPECT_EQ(taken.output.find("unknown option"), std::string::npos) << taken.output;
    EXPECT_THAT(taken.output, HasSubstr("log-level: info  # "));
    EXPECT_EQ(taken.output.find("# default"), std::string::npos) << "every option comes from the file";
  }
}

}  // namespace
}  // namespace seedcast
