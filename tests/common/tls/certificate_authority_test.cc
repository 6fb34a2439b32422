#include "common/tls/certificate_authority.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/common/tls/forge.h"
#include "tests/testing/read_text.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class CertificateAuthorityTest : public ::testing::Test {
 protected:
  CertificateAuthority Open() {
    auto authority = CertificateAuthority::OpenOrCreate(directory_.path(), kNow);
    EXPECT_TRUE(authority.ok()) << authority.status();
    return *std::move(authority);
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat status = {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }

  TemporaryDirectory directory_;
};

TEST_F(CertificateAuthorityTest, IsMadeOnceAndKept) {
  EXPECT_TRUE(Open().created());
  const std::string made = ReadText(directory_ / "ca.crt");
  EXPECT_FALSE(Open().created());
  EXPECT_EQ(ReadText(directory_ / "ca.crt"), made);
}

TEST_F(CertificateAuthorityTest, KeysAreTheOwnersAlone) {
  ASSERT_TRUE(Open().Issue({{Role::kWorker, "w"}, {}}, kNow).ok());
  EXPECT_EQ(ModeOf(directory_ / "ca.key"), 0600u);
  EXPECT_EQ(ModeOf(directory_ / "w/tls.key"), 0600u);
  EXPECT_EQ(ModeOf(directory_ / "w/tls.crt"), 0644u);
}

TEST_F(CertificateAuthorityTest, RenewsALeafInOneStepAndKeepsOneVersionBefore) {
  const CertificateAuthority authority = Open();
  std::set<std::string> keys;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(authority.Issue({{Role::kWorker, "w"}, {}}, kNow).ok());
    EXPECT_EQ(std::filesystem::read_symlink(directory_ / "w/tls.key"), "current/tls.key");
    EXPECT_EQ(std::filesystem::read_symlink(directory_ / "w/tls.crt"), "current/tls.crt");
    keys.insert(ReadText(directory_ / "w/tls.key"));
  }
  EXPECT_EQ(keys.size(), 4u);
  int versions = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "w")) {
    versions += entry.path().filename().string().front() == '.';
  }
  EXPECT_EQ(versions, 2);
}

TEST_F(CertificateAuthorityTest, ARenewedLeafIsSeenWhereItsDirectoryIsMounted) {
  const CertificateAuthority authority = Open();
  ASSERT_TRUE(authority.Issue({{Role::kWorker, "w"}, {}}, kNow).ok());
  const int mounted =
      open((directory_ / "w").c_str(), O_PATH | O_DIRECTORY);  // as a bind mount: the directory, not its name
  ASSERT_TRUE(authority.Issue({{Role::kWorker, "w"}, {}}, kNow).ok());
  EXPECT_EQ(ReadText(absl::StrCat("/proc/self/fd/", mounted, "/tls.key")), ReadText(directory_ / "w/tls.key"));
  close(mounted);
}

TEST_F(CertificateAuthorityTest, RenewsWhatIsSomebodyElsesForThem) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const CertificateAuthority authority = Open();
  ASSERT_TRUE(authority.Issue({{Role::kWorker, "w"}, {}}, kNow).ok());
  ASSERT_EQ(chown((directory_ / "w").c_str(), 10001, -1), 0);
  ASSERT_TRUE(authority.Issue({{Role::kWorker, "w"}, {}}, kNow).ok());
  struct stat status = {};
  ASSERT_EQ(stat((directory_ / "w/tls.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 10001u);
}

TEST_F(CertificateAuthorityTest, RefusesNamesHostsAndTimesThatCannotBeMeant) {
  const CertificateAuthority authority = Open();
  const struct {
    LeafRequest request;
    const char* says;
  } cases[] = {
      {{{Role::kWorker, "../w"}, {}}, "name: '../w'"},
      {{{Role::kCoordinator, "c"}, {}}, "host: none"},
      {{{Role::kCoordinator, "c"}, {"a,URI:seedcast://role/admin/x"}}, "expected a DNS name or an address"},
      {{{Role::kCoordinator, "c"}, {""}}, "expected a DNS name or an address"},
      {{{Role::kWorker, "w"}, {}, absl::Seconds(1)}, "lifetime: 1s"},
      {{{Role::kWorker, "w"}, {}, absl::Hours(24 * 1000)}, "lifetime: 24000h"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(std::string(authority.Issue(c.request, kNow).status().message()), HasSubstr(c.says));
  }
}

TEST_F(CertificateAuthorityTest, SaysWhatIsWrongWithADirectory) {
  Open();
  std::filesystem::remove(directory_ / "ca.key");
  EXPECT_THAT(std::string(CertificateAuthority::OpenOrCreate(directory_.path(), kNow).status().message()),
              HasSubstr("ca.key"));
  std::ofstream(directory_ / "ca.key") << "nothing";
  EXPECT_THAT(std::string(CertificateAuthority::OpenOrCreate(directory_.path(), kNow).status().message()),
              HasSubstr("holds no private key"));
  EXPECT_FALSE(CertificateAuthority::OpenOrCreate(directory_ / "ca.crt/inside", kNow).ok());
  std::ofstream(directory_ / "ca.crt", std::ios::trunc).close();
  EXPECT_THAT(std::string(CertificateAuthority::OpenOrCreate(directory_.path(), kNow).status().message()),
              HasSubstr("ca.crt: holds no certificate in PEM"));
}

TEST_F(CertificateAuthorityTest, IsRefusedWhereNobodyWouldBelieveItsLeaves) {
  constexpr absl::Duration kLifetime = absl::Hours(24 * 3650);
  Open();
  const auto says = [&](absl::Time now) {
    return std::string(CertificateAuthority::OpenOrCreate(directory_.path(), now).status().message());
  };
  EXPECT_EQ(says(kNow + kLifetime - absl::Seconds(1)), "");
  EXPECT_THAT(says(kNow + kLifetime), HasSubstr("ca.crt: has ended at 2037-01-12"));
  EXPECT_THAT(says(kNow - absl::Hours(1)), HasSubstr("ca.crt: is not valid before 2027-01-15"));

  const auto leaf = Open().Issue({{Role::kWorker, "w"}, {}}, kNow);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  for (const auto& [from, to] : {std::pair("w/tls.crt", "ca.crt"), std::pair("w/tls.key", "ca.key")}) {
    std::filesystem::copy_file(directory_ / from, directory_ / to, std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_THAT(says(kNow), HasSubstr("ca.crt: is not the certificate of an authority"));
}

TEST_F(CertificateAuthorityTest, ALeafDoesNotOutliveIt) {
  const CertificateAuthority authority = Open();
  const absl::Time end = kNow + absl::Hours(24 * 3650);
  const auto leaf = authority.Issue({{Role::kWorker, "w"}, {}}, end - absl::Hours(24));
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->not_after, end);
}

}  // namespace
}  // namespace seedcast
