#include "common/tls/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/common/tls/forge.h"
#include "tests/testing/certificates.h"
#include "tests/testing/read_text.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class CertificateTest : public ::testing::Test {
 protected:
  TlsFiles Issue(const std::string& authority, Role role, absl::Time now = kNow) {
    return IssueLeaf(directory_ / authority, role, now, absl::Hours(24));
  }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }

  std::string Error(const TlsFiles& files, TlsSide side = TlsSide::kClient, absl::Time now = kNow) {
    const absl::Status status = CheckTlsFiles(files, side, now).status();
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
    return std::string(status.message());
  }

  TemporaryDirectory directory_;
};

TEST_F(CertificateTest, TellsWhoItIsAndHowLong) {
  const auto found = CheckTlsFiles(Issue("a", Role::kWorker), TlsSide::kClient, kNow);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->identity.role, Role::kWorker);
  EXPECT_EQ(found->identity.name, "worker");
  EXPECT_EQ(found->not_after, kNow + absl::Hours(24));
  EXPECT_LT(found->not_before, kNow);
}

TEST_F(CertificateTest, OnlyACoordinatorsIsForAServer) {
  EXPECT_EQ(Error(Issue("a", Role::kCoordinator), TlsSide::kServer), "");
  EXPECT_EQ(Error(Issue("a", Role::kCoordinator), TlsSide::kClient), "");
  EXPECT_THAT(Error(Issue("a", Role::kAdmin), TlsSide::kServer), HasSubstr("is not for a server"));
}

TEST_F(CertificateTest, NamesTheFileAndWhatIsWrongWithIt) {
  const TlsFiles good = Issue("a", Role::kWorker);
  const TlsFiles other = Issue("b", Role::kWorker);
  const auto with = [&](std::string TlsFiles::*file, const std::string& path) {
    TlsFiles files = good;
    files.*file = path;
    return files;
  };
  const std::string empty = Write("empty", "");
  const std::string text = Write("text", "no PEM at all\n");
  const std::string cut = Write("cut", ReadText(good.certificate).substr(0, 200));
  const std::string locked =
      Write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
  const struct {
    TlsFiles files;
    std::string begins, says;
  } cases[] = {
      {with(&TlsFiles::key, ""), "tls-key: ", "not given, expected all of tls-cert, tls-key and tls-ca"},
      {with(&TlsFiles::certificate, directory_ / "none"), "tls-cert: " + directory_ / "none", "No such file"},
      {with(&TlsFiles::authority, directory_.path()), "tls-ca: ", "expected a regular file"},
      {with(&TlsFiles::certificate, empty), "tls-cert: ", "holds no certificate in PEM"},
      {with(&TlsFiles::authority, text), "tls-ca: ", "holds no certificate in PEM"},
      {with(&TlsFiles::certificate, cut), "tls-cert: ", "holds a certificate that is damaged"},
      {with(&TlsFiles::key, good.certificate), "tls-key: ", "holds no private key in PEM"},
      {with(&TlsFiles::key, locked), "tls-key: ", "holds an encrypted key"},
      {with(&TlsFiles::key, other.key), "tls-key: " + other.key,
       "is not the key of the certificate " + good.certificate},
      {with(&TlsFiles::authority, other.authority),
       "tls-cert: ", "is not signed by the authority in tls-ca " + other.authority},
  };
  EXPECT_EQ(Error(good), "");
  for (const auto& c : cases) {
    EXPECT_THAT(Error(c.files), AllOf(StartsWith(c.begins), HasSubstr(c.says)));
  }
}

TEST_F(CertificateTest, HoldsInItsTimeOnly) {
  const TlsFiles files = Issue("a", Role::kWorker);
  EXPECT_EQ(Error(files, TlsSide::kClient, kNow + absl::Hours(24) - absl::Seconds(1)), "");
  EXPECT_THAT(Error(files, TlsSide::kClient, kNow + absl::Hours(24)), HasSubstr("has expired at 2027-01-16"));
  EXPECT_THAT(Error(files, TlsSide::kClient, kNow - absl::Hours(1)), HasSubstr("is not valid before 2027-01-15"));
}

TEST_F(CertificateTest, HasOneUriName) {
  for (const auto& [names, says] :
       {std::pair("URI:seedcast://role/worker/a,URI:seedcast://role/admin/a", "has 2 URI names"),
        std::pair("DNS:localhost", "has 0 URI names"), std::pair("", "has 0 URI names"),
        std::pair("URI:seedcast://role/root/a", "role: 'root'")}) {
    const TlsFiles files = Issue("a", Role::kWorker);
    ForgeNames(directory_ / "a", files.certificate, names);
    EXPECT_THAT(Error(files), AllOf(StartsWith("tls-cert: "), HasSubstr(says)));
  }
}

}  // namespace
}  // namespace seedcast
