#include "worker/data/locate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/testing/temporary_directory.h"
#include "tests/worker/data/write_file.h"
#include "tests/worker/data/zip_builder.h"
#include "worker/data/dataset.h"
#include "worker/data/files.h"
#include "worker/data/glyphs.h"
#include "worker/data/omniglot.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class LocateTest : public ::testing::Test {
 protected:
  LocateTest() : artifacts_(directory_ / "cache/artifacts") {
    options_.local_directory = directory_ / "data";
    options_.cache_directory = directory_ / "cache";
    options_.offline = true;
    options_.announce = [this](const std::string& what) { announced_.push_back(what); };
  }

  absl::StatusOr<ResolvedDataset> Resolve(v1::ProtoNetTask::Dataset kind) {
    return ResolveDataset(kind, options_, &artifacts_);
  }

  std::string RealFolder() const {
    const char* folder = std::getenv("SEEDCAST_OMNIGLOT");
    return folder != nullptr ? folder : "";
  }

  std::vector<std::string> announced_;
  TemporaryDirectory directory_;
  ArtifactStore artifacts_;
  DataOptions options_;
};

TEST_F(LocateTest, GlyphsNeedNoData) {
  const auto resolved = Resolve(v1::ProtoNetTask::GLYPHS);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->digest, kGlyphsDigest);
  EXPECT_THAT(announced_, IsEmpty());
  EXPECT_TRUE(Dataset::Parse(*artifacts_.Get(resolved->digest)).ok());
}

TEST_F(LocateTest, AutoFallsBackToGlyphsAndSaysWhy) {
  const auto resolved = Resolve(v1::ProtoNetTask::AUTO);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->digest, kGlyphsDigest);
  EXPECT_EQ(resolved->description,
            "generated glyphs, because Omniglot is not in " + directory_ / "data" + ", " + directory_ / "cache" +
                " (--data names another place) and cannot be downloaded: downloads are switched off");
}

TEST_F(LocateTest, OmniglotNowhereIsAnError) {
  const auto resolved = Resolve(v1::ProtoNetTask::OMNIGLOT);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(resolved.status().message(), HasSubstr("downloads are switched off"));
}

TEST_F(LocateTest, NamedDirectoryWithoutDataIsAnErrorEvenForAuto) {
  options_.directory = directory_ / "elsewhere";
  const auto resolved = Resolve(v1::ProtoNetTask::AUTO);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(resolved.status().message()),
              StartsWith(directory_ / "elsewhere: expected images_background.zip"));
}

TEST_F(LocateTest, DamagedDataIsAnErrorEvenForAuto) {
  WriteFile(directory_ / "data/omniglot/images_background.zip", MakeZip({{"../evil", "x"}}));
  WriteFile(directory_ / "data/omniglot/images_evaluation.zip", "");
  const auto resolved = Resolve(v1::ProtoNetTask::AUTO);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(resolved.status().message(),
              HasSubstr("data/omniglot/images_background.zip: unexpected entry '../evil'"));
  EXPECT_THAT(announced_, ElementsAre("reading Omniglot from " + directory_ / "data/omniglot"));
}

TEST_F(LocateTest, CompleteButForeignDrawingsAreRefused) {
  const std::string png = MakePng(105, 105);
  WriteFile(directory_ / "data/images_background.zip", MakeZip(CompleteArchive(false, png)));
  WriteFile(directory_ / "data/images_evaluation.zip", MakeZip(CompleteArchive(true, png)));
  const auto resolved = Resolve(v1::ProtoNetTask::AUTO);
  EXPECT_EQ(resolved.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(resolved.status().message(), HasSubstr("complete, but not the published drawings"));
}

TEST_F(LocateTest, DownloadsAreVerified) {
  WriteFile(directory_ / "mirror.zip", "abc");
  const std::string url = "file://" + directory_ / "mirror.zip";
  EXPECT_TRUE(Fetch({url, "900150983cd24fb0d6963f7d28e17f72"}, directory_ / "got/it.zip").ok());
  EXPECT_EQ(*ReadWholeFile(directory_ / "got/it.zip", 100), "abc");

  const absl::Status wrong = Fetch({url, "00000000000000000000000000000000"}, directory_ / "other.zip");
  EXPECT_EQ(wrong.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(wrong.message(), HasSubstr("md5 is 900150983cd24fb0d6963f7d28e17f72, expected 0000"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "other.zip"));
}

TEST_F(LocateTest, FailedDownloadIsTheReasonForGlyphs) {
  options_.offline = false;
  options_.background = options_.evaluation = {"file://" + directory_ / "no-mirror.zip", ""};
  const auto resolved = Resolve(v1::ProtoNetTask::AUTO);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_THAT(resolved->description, HasSubstr("no-mirror.zip"));
}

TEST_F(LocateTest, OtherProtocolsAreNotFetched) {
  EXPECT_EQ(Fetch({"http://127.0.0.1:9/x.zip", ""}, directory_ / "x").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Fetch({"ftp://127.0.0.1:9/x.zip", ""}, directory_ / "x").code(), absl::StatusCode::kUnavailable);
}

TEST_F(LocateTest, RealDataIsDecodedOnceAndAgainWhenTheCacheIsDamaged) {
  if (RealFolder().empty()) GTEST_SKIP() << "SEEDCAST_OMNIGLOT names no folder with the two zips";
  options_.directory = RealFolder();
  const auto first = Resolve(v1::ProtoNetTask::AUTO);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->digest, kOmniglotDigest);
  EXPECT_THAT(first->description, StartsWith("Omniglot from " + RealFolder()));
  EXPECT_EQ(announced_.size(), 1u);
  ASSERT_TRUE(Resolve(v1::ProtoNetTask::AUTO).ok());
  EXPECT_EQ(announced_.size(), 1u) << "decoded once";

  WriteFile(directory_ / "cache/artifacts/" + first->digest, "damaged");
  ASSERT_TRUE(Resolve(v1::ProtoNetTask::OMNIGLOT).ok());
  EXPECT_TRUE(artifacts_.Get(std::string(kOmniglotDigest)).ok());

  options_.directory.clear();  // decoded earlier: needs neither zips nor network
  EXPECT_EQ(Resolve(v1::ProtoNetTask::AUTO)->digest, kOmniglotDigest);
}

}  // namespace
}  // namespace seedcast
