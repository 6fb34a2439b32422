// `seedcast certs`, run again: what was made for a purpose still serves it.
#include <gmock/gmock.h>

#include "common/tls/certificate_authority.h"
#include "tests/cli/command_fixture.h"

namespace seedcast {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CertsCommandTest : public CommandTest {
 protected:
  CommandResult Certs(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), {"certs", Path("certs")});
    return Command(arguments);
  }
  LeafRequest Leaf(const std::string& name) const {
    const auto leaf = FindLeaf(Path("certs"), name);
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    return leaf.ok() ? *leaf : LeafRequest();
  }
  std::string Version(const std::string& name) const {
    return std::filesystem::read_symlink(Path("certs/" + name + "/current"));
  }
};

TEST_F(CertsCommandTest, RenewalKeepsTheHosts) {
  ASSERT_EQ(Certs({"--host", "coordinator.example.org", "--host", "10.0.0.7", "--host", "2001:db8::7"}).code, 0);
  const std::vector<std::string> hosts = Leaf("coordinator").hosts;
  EXPECT_THAT(hosts,
              ElementsAre("localhost", "127.0.0.1", "::1", "coordinator.example.org", "10.0.0.7", "2001:db8::7"));
  for (const std::vector<std::string>& again :
       std::vector<std::vector<std::string>>{{}, {"--role", "coordinator"}, {"--days", "7"}}) {
    const std::string version = Version("coordinator");
    ASSERT_EQ(Certs(again).code, 0);
    EXPECT_NE(Version("coordinator"), version);
    EXPECT_EQ(Leaf("coordinator").hosts, hosts);
  }
  ASSERT_EQ(Certs({"--host", "other.example.org"}).code, 0);
  EXPECT_THAT(Leaf("coordinator").hosts, ElementsAre("localhost", "127.0.0.1", "::1", "other.example.org"));
}

TEST_F(CertsCommandTest, WithoutRolesRenewsWhatIsThereAndNothingElse) {
  ASSERT_EQ(Certs({"--role", "worker:gpu-3", "--role", "coordinator:eu", "--host", "eu.example.org"}).code, 0);
  const std::string version = Version("gpu-3");
  const CommandResult renewed = Certs();
  EXPECT_EQ(renewed.code, 0);
  EXPECT_NE(Version("gpu-3"), version);
  EXPECT_EQ(Leaf("gpu-3").identity.role, Role::kWorker);
  EXPECT_EQ(Leaf("eu").identity.role, Role::kCoordinator);
  EXPECT_THAT(Leaf("eu").hosts, Contains("eu.example.org"));
  EXPECT_THAT(renewed.out, Not(HasSubstr("admin")));
}

TEST_F(CertsCommandTest, ANameIsOnesAlone) {
  ASSERT_EQ(Certs({"--host", "coordinator.example.org"}).code, 0);
  const std::string version = Version("admin");
  const struct {
    std::vector<std::string> arguments;
    const char* says;
  } cases[] = {
      {{"--role", "observer", "--role", "worker:admin"}, "name: 'admin' has a certificate of the role admin, expected"},
      {{"--role", "coordinator:a", "--role", "worker:a"}, "name: 'a' is asked for twice"},
      {{"--role", "worker", "--role", "worker"}, "name: 'worker' is asked for twice"},
  };
  const std::string observers = Version("observer");
  for (const auto& c : cases) {
    const CommandResult refused = Certs(c.arguments);
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr(c.says));
    EXPECT_EQ(refused.out, "");
  }
  EXPECT_EQ(Version("admin"), version);
  EXPECT_EQ(Version("observer"), observers) << "nothing is made before all is looked at";
  EXPECT_FALSE(std::filesystem::exists(Path("certs/a")));
  EXPECT_EQ(Certs({"--role", "admin"}).code, 0);
  EXPECT_NE(Version("admin"), version);
}

TEST_F(CertsCommandTest, OptionsThatCannotBeMeantAreNamed) {
  const struct {
    std::vector<std::string> arguments;
    const char* says;
  } cases[] = {
      {{"--days", "0"}, "days: 0, expected 1 .. 825"},
      {{"--days", "826"}, "days: 826, expected 1 .. 825"},
      {{"--role", "worker", "--host", "bad host"},
       "host: 'bad host', is for a coordinator, expected --role coordinator"},
      {{"--host", "bad host"}, "host: 'bad host', expected a DNS name or an address"},
  };
  for (const auto& c : cases) {
    const CommandResult refused = Certs(c.arguments);
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr(c.says));
    EXPECT_FALSE(std::filesystem::exists(Path("certs")));
  }
}

TEST_F(CertsCommandTest, OneThatCannotBeReadIsNotReplacedByAGuess) {
  ASSERT_EQ(Certs({"--host", "coordinator.example.org"}).code, 0);
  std::ofstream(Path("certs/coordinator/tls.crt")) << "damaged";
  for (const std::vector<std::string>& again : std::vector<std::vector<std::string>>{{}, {"--role", "coordinator"}}) {
    const CommandResult refused = Certs(again);
    EXPECT_NE(refused.code, 0);
    EXPECT_THAT(refused.err, HasSubstr("certs/coordinator/tls.crt: holds no certificate"));
  }
  EXPECT_EQ(Certs({"--role", "coordinator", "--host", "coordinator.example.org"}).code, 0);
}

}  // namespace
}  // namespace seedcast
