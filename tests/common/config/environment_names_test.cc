#include "common/config/environment_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace seedcast {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const char* entry) {
  const char* const environment[] = {"PATH=/bin", entry, nullptr};
  const std::vector<absl::Status> problems = CheckEnvironmentNames(environment, {"my-option"});
  return problems.empty() ? absl::OkStatus() : problems.front();
}

TEST(EnvironmentNamesTest, KnowsOptionsOfAllPartsAndThoseOfThisOne) {
  for (const char* entry :
       {"SEEDCAST_COORDINATOR=host:7070", "SEEDCAST_TLS_CERT=", "SEEDCAST_MY_OPTION=1", "OTHER=1"}) {
    EXPECT_TRUE(Check(entry).ok()) << entry;
  }
}

TEST(EnvironmentNamesTest, LetsPassWhatKubernetesSetsForServices) {
  for (const char* entry :
       {"SEEDCAST_COORDINATOR_SERVICE_HOST=10.0.0.1", "SEEDCAST_COORDINATOR_SERVICE_PORT=7070",
        "SEEDCAST_COORDINATOR_SERVICE_PORT_GRPC=7070", "SEEDCAST_COORDINATOR_PORT=tcp://10.0.0.1:7070",
        "SEEDCAST_COORDINATOR_PORT_7070_TCP=tcp://10.0.0.1:7070", "SEEDCAST_COORDINATOR_PORT_7070_TCP_ADDR=10.0.0.1"}) {
    EXPECT_TRUE(Check(entry).ok()) << entry;
  }
}

TEST(EnvironmentNamesTest, NamesTheMisspeltAndWhatMayBeMeant) {
  const struct {
    const char* entry;
    const char* says;
  } cases[] = {
      {"SEEDCAST_COORDINTOR=x", "SEEDCAST_COORDINTOR: unknown name; did you mean SEEDCAST_COORDINATOR?"},
      {"SEEDCAST_TLSCERT=x", "did you mean SEEDCAST_TLS_CERT?"},
      {"SEEDCAST_MYOPTION=x", "did you mean SEEDCAST_MY_OPTION?"},
      {"SEEDCAST_=x", "SEEDCAST_: unknown name"},
      {"SEEDCAST_listen=x", "SEEDCAST_listen: unknown name"},
      {"SEEDCAST_SOMETHING_QUITE_DIFFERENT", "SEEDCAST_SOMETHING_QUITE_DIFFERENT: unknown name"},
      {"SEEDCAST_LISTEN_PORT=7070", "SEEDCAST_LISTEN_PORT: unknown name"},
  };
  for (const auto& c : cases) EXPECT_THAT(std::string(Check(c.entry).message()), HasSubstr(c.says));
}

}  // namespace
}  // namespace seedcast
