#include "coordinator/datasets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

#include "common/spec/resolve.h"
#include "tests/testing/temporary_directory.h"
#include "tests/worker/data/write_file.h"
#include "worker/data/glyphs.h"
#include "worker/data/omniglot.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr v1::ProtoNetTask::Dataset kAuto = v1::ProtoNetTask::AUTO;
constexpr v1::ProtoNetTask::Dataset kOmniglot = v1::ProtoNetTask::OMNIGLOT;
constexpr v1::ProtoNetTask::Dataset kGlyphs = v1::ProtoNetTask::GLYPHS;

// The mirror has the first archive only, so that a download is seen and fails.
class DatasetsTest : public ::testing::Test {
 protected:
  DatasetsTest() {
    WriteFile(directory_ / "mirror.zip", "abc");
    options_.local_directory = directory_ / "data";
    options_.cache_directory = directory_ / "cache";
    options_.background = {"file://" + directory_ / "mirror.zip", "900150983cd24fb0d6963f7d28e17f72"};
    options_.evaluation = {"file://" + directory_ / "no-mirror.zip", ""};
  }

  static v1::JobSpec Of(v1::ProtoNetTask::Dataset dataset, absl::string_view digest = "") {
    v1::JobSpec spec;
    spec.set_generations(1);
    spec.mutable_proto_net()->set_dataset(dataset);
    spec.mutable_proto_net()->set_dataset_digest(std::string(digest));
    return *Resolve(spec);
  }
  // Whether anything was, since the last call.
  bool Downloaded() { return std::filesystem::remove(directory_ / "cache/images_background.zip"); }

  TemporaryDirectory directory_;
  DataOptions options_;
};

TEST_F(DatasetsTest, OnlyMakeReadyDownloads) {
  Datasets datasets(options_);
  const absl::Status made = datasets.MakeTask(Of(kOmniglot, kOmniglotDigest)).status();
  EXPECT_EQ(made.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(made.message()), HasSubstr("OMNIGLOT, is no longer here"));
  v1::JobSpec spec = Of(kOmniglot);
  EXPECT_EQ(datasets.FillIn(&spec).code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(Downloaded());
  EXPECT_EQ(datasets.MakeReady(spec).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Downloaded());
}

TEST_F(DatasetsTest, AJobThatFoundGlyphsKeepsThem) {
  Datasets datasets(options_);
  v1::JobSpec spec = Of(kAuto, kGlyphsDigest);
  EXPECT_TRUE(datasets.MakeTask(spec).ok());
  EXPECT_TRUE(datasets.FillIn(&spec).ok());
  EXPECT_EQ(spec.proto_net().dataset_digest(), kGlyphsDigest);
  EXPECT_TRUE(datasets.MakeReady(spec).ok());
  EXPECT_FALSE(Downloaded());
}

TEST_F(DatasetsTest, SaysWhyGlyphsAreTakenAndLooksAgainForTheNextJob) {
  Datasets datasets(options_);
  for (int job = 0; job < 2; ++job) {
    ::testing::internal::CaptureStderr();
    v1::JobSpec spec = Of(kAuto);
    EXPECT_TRUE(datasets.MakeReady(spec).ok());
    EXPECT_TRUE(Downloaded()) << "job " << job;
    EXPECT_TRUE(datasets.FillIn(&spec).ok());
    EXPECT_FALSE(Downloaded());
    EXPECT_EQ(spec.proto_net().dataset_digest(), kGlyphsDigest);
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(log, HasSubstr("warning \"no Omniglot\""));
    EXPECT_THAT(log, HasSubstr("no-mirror.zip"));
  }
}

TEST_F(DatasetsTest, SaysWhyGlyphsAreTakenToWhoeverListensRatherThanToTheLog) {
  std::vector<std::string> heard;
  options_.announce = [&](const std::string& what) { heard.push_back(what); };
  Datasets datasets(options_);
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(datasets.MakeReady(Of(kAuto)).ok());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(heard, ElementsAre(StartsWith("note: generated glyphs, because Omniglot is not in ")));
}

TEST_F(DatasetsTest, RefusesADigestThatTheDataSetCannotHave) {
  Datasets datasets(options_);
  ASSERT_TRUE(datasets.MakeReady(Of(kGlyphs)).ok());  // they are here, whoever asks for them
  const std::string other(64, 'a');
  for (const auto& [dataset, digest] : std::initializer_list<std::pair<v1::ProtoNetTask::Dataset, absl::string_view>>{
           {kOmniglot, kGlyphsDigest}, {kGlyphs, kOmniglotDigest}, {kAuto, other}}) {
    v1::JobSpec spec = Of(dataset, digest);
    for (const absl::Status& status : {datasets.MakeReady(spec), datasets.FillIn(&spec)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << v1::ProtoNetTask::Dataset_Name(dataset);
      EXPECT_THAT(std::string(status.message()), HasSubstr("proto_net.dataset_digest: "));
    }
  }
  EXPECT_FALSE(Downloaded());
}

}  // namespace
}  // namespace seedcast
