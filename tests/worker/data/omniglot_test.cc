#include "worker/data/omniglot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/digest.h"
#include "tests/testing/temporary_directory.h"
#include "tests/worker/data/write_file.h"
#include "tests/worker/data/zip_builder.h"
#include "worker/data/files.h"
#include "worker/data/vinyals_split.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

const char kFirst[] = "images_background/Alphabet_of_the_Magi/character01/0001_01.png";

class BadArchiveTest : public ::testing::Test {
 protected:
  // The message for a background archive of these bytes.
  std::string Message(absl::string_view zip) {
    WriteFile(directory_ / kBackgroundZip, zip);
    const auto dataset = ReadOmniglot({directory_ / kBackgroundZip, directory_ / kEvaluationZip});
    EXPECT_EQ(dataset.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(dataset.status().message(), HasSubstr(directory_ / kBackgroundZip));
    return std::string(dataset.status().message());
  }

  TemporaryDirectory directory_;
};

TEST_F(BadArchiveTest, EachFaultIsNamed) {
  const std::string good = MakePng(105, 105);
  std::string corrupt_png = good;
  corrupt_png[corrupt_png.size() / 2] ^= 0x55;
  struct Case {
    std::vector<ZipEntry> entries;
    std::string message;
  };
  const Case cases[] = {
      {{}, "Alphabet_of_the_Magi/character01 has 0 drawings, expected 20"},
      {{{kFirst, good}}, "Alphabet_of_the_Magi/character01 has 1 drawings, expected 20"},
      {{{"../../etc/cron.d/evil", "x"}}, "unexpected entry '../../etc/cron.d/evil'"},
      {{{"/etc/passwd", "x"}}, "unexpected entry"},
      {{{"images_background/../character01/0001_01.png", good}}, "unexpected entry"},
      {{{"images_background/Klingon/character01/0001_01.png", good}}, "unexpected entry"},
      {{{"images_background/Greek/character25/0001_01.png", good}}, "unexpected entry"},
      {{{"images_background/Greek/character01/0001_21.png", good}}, "unexpected entry"},
      {{{"images_background/Greek/character01/0001_00.png", good}}, "unexpected entry"},
      {{{"images_background/Greek/character01/0001_01.jpg", good}}, "unexpected entry"},
      {{{"images_background/Greek/character01/x/0001_01.png", good}}, "unexpected entry"},
      {{{"images_evaluation/Angelic/character01/0965_01.png", good}}, "unexpected entry"},
      {{{"escape\x1b[2Jcodes", "x"}}, "unexpected entry 'escape?[2Jcodes'"},
      {{{kFirst, "", true}}, "unexpected entry"},
      {{{kFirst, good}, {kFirst, good}}, "is there twice"},
      {{{kFirst, std::string(5000, 'x')}}, "has more than 4096 bytes"},
      {{{kFirst, ""}}, "no readable PNG"},
      {{{kFirst, "not a picture"}}, "no readable PNG"},
      {{{kFirst, MakePng(104, 105)}}, "PNG of 104x105, expected 105x105 in grey"},
      {{{kFirst, MakePng(60000, 5)}}, "PNG of 60000x5, expected 105x105 in grey"},
      {{{kFirst, MakeColourPng(105, 105)}}, "with colour or transparency, expected 105x105 in grey"},
      {{{kFirst, good.substr(0, good.size() / 2)}}, "damaged PNG"},
      {{{kFirst, corrupt_png}}, "damaged PNG"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(Message(MakeZip(c.entries)), HasSubstr(c.message)) << (c.entries.empty() ? "" : c.entries.back().name);
  }
}

TEST_F(BadArchiveTest, HugeSizeInAPngHeaderIsRefusedBeforeAllocating) {
  std::string png = MakePng(105, 105);
  png[16] = '\x7f';  // width: 2,130,706,537
  const std::string message = Message(MakeZip({{kFirst, png}}));
  EXPECT_THAT(message, HasSubstr("PNG"));
}

TEST_F(BadArchiveTest, FilesThatAreNoZip) {
  for (const std::string& bytes : {std::string(), std::string("hello"), std::string(100'000, '\0')}) {
    EXPECT_THAT(Message(bytes), HasSubstr("expected")) << bytes.size();
  }
}

TEST_F(BadArchiveTest, MissingFile) {
  const auto dataset = ReadOmniglot({directory_ / "nowhere.zip", directory_ / "nowhere.zip"});
  EXPECT_THAT(dataset.status().message(), HasSubstr("nowhere.zip"));
}

TEST_F(BadArchiveTest, FlippedBitInAnEntryFailsItsChecksum) {
  const std::string png = MakePng(105, 105);
  std::string zip = MakeZip({{kFirst, png}});
  zip[zip.find("IDAT") + 20] ^= 1;
  EXPECT_THAT(Message(zip), HasSubstr(kFirst));
}

TEST_F(BadArchiveTest, TruncatedAnywhere) {
  const std::string zip =
      MakeZip({{kFirst, MakePng(105, 105)}, {"images_background/Greek/character01/0001_01.png", ""}});
  for (size_t length = 0; length < zip.size(); length += 7) Message(zip.substr(0, length));
}

TEST_F(BadArchiveTest, TooManyEntries) {
  std::vector<ZipEntry> directories(50'001, {"images_background/", ""});
  EXPECT_THAT(Message(MakeZip(directories)), HasSubstr("more than 50000 entries"));
}

TEST(DecodeScanTest, BlackIsInk) {
  std::vector<uint8_t> scan(kScanPixels);
  ASSERT_TRUE(DecodeScan(MakePng(105, 105, 2 * 105 + 3), absl::MakeSpan(scan)).ok());
  EXPECT_EQ(scan[2 * 105 + 3], 1);
  EXPECT_EQ(std::count(scan.begin(), scan.end(), 1), 1);
}

TEST(VinyalsSplitTest, HasThePublishedCounts) {
  int archives[2] = {}, splits[kSplits] = {};
  for (const OmniglotAlphabet& alphabet : OmniglotAlphabets()) {
    archives[alphabet.evaluation] += alphabet.characters;
    for (int c = 1; c <= alphabet.characters; ++c) ++splits[static_cast<int>(alphabet.SplitOf(c))];
  }
  EXPECT_THAT(archives, ::testing::ElementsAre(964, 659));
  EXPECT_THAT(splits, ::testing::ElementsAre(1028, 172, 423));
}

class RealOmniglotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SEEDCAST_OMNIGLOT");
    if (folder == nullptr) GTEST_SKIP() << "SEEDCAST_OMNIGLOT names no folder with the two zips";
    folder_ = folder;
  }
  std::string folder_;
};

TEST_F(RealOmniglotTest, DecodesToTheKnownDigest) {
  const auto dataset = ReadOmniglot({folder_ + "/" + kBackgroundZip, folder_ + "/" + kEvaluationZip});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->characters(), 1623);
  EXPECT_EQ(dataset->drawings(), 20);
  EXPECT_EQ(ToHex(Sha256Of(dataset->Serialize())), kOmniglotDigest);
}

TEST_F(RealOmniglotTest, SplitIsThePublishedOne) {
  std::map<std::string, Split> published;
  const std::pair<const char*, Split> lists[] = {
      {"train", Split::kTrain}, {"val", Split::kValidation}, {"test", Split::kTest}};
  for (const auto& [list, split] : lists) {
    std::ifstream lines(absl::StrCat(folder_, "/splits/vinyals/", list, ".txt"));
    if (!lines) GTEST_SKIP() << "no published lists in " << folder_;
    for (std::string line; std::getline(lines, line);) published[line.substr(0, line.rfind('/'))] = split;
  }
  ASSERT_EQ(published.size(), 1623u);
  for (const OmniglotAlphabet& alphabet : OmniglotAlphabets()) {
    for (int c = 1; c <= alphabet.characters; ++c) {
      const std::string name = absl::StrFormat("%s/character%02d", alphabet.name, c);
      ASSERT_TRUE(published.contains(name)) << name;
      EXPECT_EQ(published[name], alphabet.SplitOf(c)) << name;
    }
  }
}

TEST_F(RealOmniglotTest, TruncatedArchiveIsRefused) {
  const TemporaryDirectory directory;
  auto bytes = ReadWholeFile(folder_ + "/" + kBackgroundZip, 1 << 30);
  ASSERT_TRUE(bytes.ok());
  WriteFile(directory / kBackgroundZip, bytes->substr(0, bytes->size() / 2));
  const auto dataset = ReadOmniglot({directory / kBackgroundZip, folder_ + "/" + kEvaluationZip});
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(dataset.status().message(), HasSubstr(directory / kBackgroundZip));
}

}  // namespace
}  // namespace seedcast
