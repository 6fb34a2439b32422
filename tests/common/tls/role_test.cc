#include "common/tls/role.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace seedcast {
namespace {

using ::testing::HasSubstr;

TEST(RoleTest, OfEachRoleTheUriNameLeadsBack) {
  for (const Role role : kAllRoles) {
    const auto identity = IdentityOf({UriOf({role, "gpu-3.rack_1"})});
    ASSERT_TRUE(identity.ok()) << identity.status();
    EXPECT_EQ(identity->role, role);
    EXPECT_EQ(identity->name, "gpu-3.rack_1");
  }
}

TEST(RoleTest, RefusesWhatIsNotExactlyOneNameOfOurs) {
  const struct {
    std::vector<std::string> uris;
    const char* says;
  } cases[] = {
      {{}, "has 0 URI names"},
      {{"seedcast://role/worker/a", "seedcast://role/admin/a"}, "has 2 URI names"},
      {{"spiffe://example.org/worker"}, "expected seedcast://role/ROLE/NAME"},
      {{"seedcast://role/worker"}, "expected seedcast://role/ROLE/NAME"},
      {{"seedcast://role/root/a"}, "role: 'root', expected one of coordinator, worker"},
      {{"seedcast://role/Worker/a"}, "role: 'Worker'"},
      {{"seedcast://role/worker/"}, "name: ''"},
      {{"seedcast://role/worker/a/b"}, "name: 'a/b'"},
      {{"seedcast://role/worker/a\nb"}, "name: 'a\\nb'"},
      {{"seedcast://role/worker/.."}, "name: '..'"},
      {{"seedcast://role/worker/" + std::string(65, 'a')}, "1 .. 64 letters"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(std::string(IdentityOf(c.uris).status().message()), HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace seedcast
