#include "common/tls/certificate_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/certificates.h"
#include "tests/testing/read_text.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// The files are plain ones that are overwritten in place, by `cp` say.
class CertificateRelayTest : public ::testing::Test {
 protected:
  CertificateRelayTest() {
    std::filesystem::create_directory(directory_ / "served");
    PutAll("first");
    Refresh();
  }

  TlsFiles Issued(const std::string& authority) {
    return IssueLeaf(directory_ / authority, Role::kWorker, kNow, absl::Hours(24));
  }
  static void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  }
  TlsFiles PutAll(const std::string& authority) {
    TlsFiles issued = Issued(authority);
    Copy(issued.certificate, files_.certificate);
    Copy(issued.key, files_.key);
    Copy(issued.authority, files_.authority);
    return issued;
  }
  std::string Refresh(absl::Time now = kNow) {
    ::testing::internal::CaptureStderr();
    relay_.Refresh(now);
    return ::testing::internal::GetCapturedStderr();
  }
  std::string Pair() const { return ReadText(relay_.pair_path()); }
  time_t PairModified() const {
    struct stat status = {};
    EXPECT_EQ(stat(relay_.pair_path().c_str(), &status), 0);
    return status.st_mtime;
  }

  TemporaryDirectory directory_;
  const TlsFiles files_ = LeafFiles(directory_ / "served");
  CertificateRelay relay_{files_, TlsSide::kClient};
};

TEST_F(CertificateRelayTest, PassesOnWhatIsRight) {
  EXPECT_THAT(Pair(), AllOf(HasSubstr(ReadText(files_.key)), HasSubstr(ReadText(files_.certificate))));
  EXPECT_EQ(ReadText(relay_.authority_path()), ReadText(files_.authority));
  EXPECT_GT(PairModified(), 0) << "gRPC takes that for an error";
}

TEST_F(CertificateRelayTest, WhatIsNotRightLeavesWhatWasAndIsSaidOnce) {
  const TlsFiles first = Issued("first");
  PutAll("first");
  Refresh();
  const std::string before = Pair();
  const TlsFiles other = Issued("other");
  const struct {
    const std::string& file;
    const char* option;
  } cases[] = {{files_.certificate, "tls-cert"}, {files_.key, "tls-key"}, {files_.authority, "tls-ca"}};
  for (const auto& [file, option] : cases) {
    const std::string right = ReadText(file);
    std::ofstream(file) << "damaged";
    EXPECT_THAT(Refresh(), AllOf(HasSubstr("certificates are not renewed"), HasSubstr(option), HasSubstr(file)));
    EXPECT_THAT(Refresh(), IsEmpty());
    std::filesystem::remove(file);
    EXPECT_THAT(Refresh(), HasSubstr("No such file"));
    EXPECT_EQ(Pair(), before);
    std::ofstream(file) << right;
    EXPECT_THAT(Refresh(), IsEmpty());
  }
  Copy(other.key, files_.key);
  EXPECT_THAT(Refresh(), HasSubstr("is not the key of the certificate"));
  EXPECT_EQ(Pair(), before);
}

TEST_F(CertificateRelayTest, TakesUpARenewalOnceItIsWhole) {
  const std::string before = Pair();
  const time_t modified = PairModified();
  const TlsFiles next = Issued("first");
  Copy(next.certificate, files_.certificate);
  EXPECT_THAT(Refresh(), HasSubstr("is not the key of the certificate"));
  EXPECT_EQ(Pair(), before);
  Copy(next.key, files_.key);
  EXPECT_THAT(Refresh(), AllOf(HasSubstr("certificates renewed"), HasSubstr("expires=2027-01-16")));
  EXPECT_THAT(Pair(), HasSubstr(ReadText(next.key)));
  EXPECT_NE(PairModified(), modified) << "two reads of gRPC's would not tell one from the other";
  EXPECT_THAT(Refresh(), IsEmpty());
}

TEST_F(CertificateRelayTest, AnotherAuthorityIsTakenUpWithACertificateOfIts) {
  const TlsFiles other = Issued("other");
  const std::string before = ReadText(relay_.authority_path());
  Copy(other.authority, files_.authority);
  Refresh();
  EXPECT_EQ(ReadText(relay_.authority_path()), before);
  PutAll("other");
  Refresh();
  EXPECT_EQ(ReadText(relay_.authority_path()), ReadText(other.authority));
}

}  // namespace
}  // namespace seedcast
