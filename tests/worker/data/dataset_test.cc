#include "worker/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "common/noise/philox.h"

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<uint8_t> RandomScan(uint32_t number) {
  PhiloxStream stream(7, number, 0, 0);
  std::vector<uint8_t> scan(kScanPixels);
  for (uint8_t& pixel : scan) pixel = stream.Below(4) == 0;
  return scan;
}

std::vector<uint8_t> RandomImage(uint32_t number) {
  std::vector<uint8_t> image(kImagePixels);
  Resample(RandomScan(number), absl::MakeSpan(image));
  return image;
}

// Three characters of two drawings, one in each split.
Dataset SmallDataset() {
  Dataset dataset("small", 2);
  for (uint32_t c = 0; c < 3; ++c) {
    std::vector<uint8_t> pixels = RandomImage(2 * c);
    const std::vector<uint8_t> second = RandomImage(2 * c + 1);
    pixels.insert(pixels.end(), second.begin(), second.end());
    dataset.Add("A/character0" + std::to_string(c + 1), static_cast<Split>(2 - c), pixels);
  }
  return dataset;
}

TEST(ResampleTest, KeepsAllInk) {
  const std::vector<uint8_t> scan = RandomScan(1);
  const std::vector<uint8_t> image = RandomImage(1);
  // A pixel of the scan is 4 x 4 quarter units.
  EXPECT_EQ(std::accumulate(image.begin(), image.end(), 0), 16 * std::accumulate(scan.begin(), scan.end(), 0));
}

TEST(ResampleTest, GivesEachPixelTheInkUnderIt) {
  std::vector<uint8_t> scan(kScanPixels), image(kImagePixels);
  scan[3 * kScanSide + 3] = 1;  // quarter units 12 .. 15: three of four in the first output pixel
  Resample(scan, absl::MakeSpan(image));
  EXPECT_EQ(image[0], 9);
  EXPECT_EQ(image[1], 3);
  EXPECT_EQ(image[kImageSide], 3);
  EXPECT_EQ(image[kImageSide + 1], 1);
}

TEST(ResampleTest, FullInkIsTheLargestValue) {
  const std::vector<uint8_t> scan(kScanPixels, 1);
  std::vector<uint8_t> image(kImagePixels);
  Resample(scan, absl::MakeSpan(image));
  EXPECT_THAT(image, ::testing::Each(kPixelMax));
}

TEST(TurnImageTest, TurningTheDrawingIsTurningTheScan) {
  std::vector<uint8_t> scan = RandomScan(3);
  const std::vector<uint8_t> upright = RandomImage(3);
  for (int turns = 0; turns < 4; ++turns) {
    std::vector<uint8_t> of_scan(kImagePixels), of_drawing(kImagePixels);
    Resample(scan, absl::MakeSpan(of_scan));
    TurnImage(upright, turns, absl::MakeSpan(of_drawing));
    EXPECT_EQ(of_drawing, of_scan) << turns;
    std::vector<uint8_t> next(kScanPixels);  // counter-clockwise: what was on the right is on top
    for (int y = 0; y < kScanSide; ++y) {
      for (int x = 0; x < kScanSide; ++x) next[y * kScanSide + x] = scan[x * kScanSide + kScanSide - 1 - y];
    }
    scan = next;
  }
}

TEST(DatasetTest, SurvivesSerialization) {
  const Dataset original = SmallDataset();
  const auto parsed = Dataset::Parse(original.Serialize());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->title(), "small");
  ASSERT_EQ(parsed->characters(), 3);
  ASSERT_EQ(parsed->drawings(), 2);
  EXPECT_THAT(parsed->CharactersOf(Split::kTrain), ElementsAre(2));
  EXPECT_THAT(parsed->CharactersOf(Split::kTest), ElementsAre(0));
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(parsed->name(c), original.name(c));
    EXPECT_EQ(parsed->split(c), original.split(c));
    for (int d = 0; d < 2; ++d) EXPECT_EQ(parsed->Image(c, d), original.Image(c, d));
  }
}

TEST(DatasetTest, RefusesBytesCutAnywhere) {
  const std::string bytes = SmallDataset().Serialize();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(Dataset::Parse(bytes.substr(0, length)).status().code(), absl::StatusCode::kDataLoss) << length;
  }
  EXPECT_THAT(Dataset::Parse(bytes + "x").status().message(), HasSubstr("1 bytes too many"));
}

TEST(DatasetTest, NamesWhatIsWrongInAHeader) {
  struct Case {
    size_t at;
    char value;
    std::string message;
  };
  const Case cases[] = {
      {0, 'S', "no data set of version 1"},
      {19, '\x7f', "number of characters is 2130706435, expected 1 .. 100000"},
      {20, '\0', "number of drawings is 0, expected 1 .. 255"},
      {24, '\0', "length of the title is 0, expected 1 .. 1000"},
      {25, '\x02', "ends inside the title"},
      {17, '\x01', "cannot hold 259 x 2 images"},
      {33, '\x03', "split is 3, expected 0 .. 2"},
  };
  for (const Case& c : cases) {
    std::string bytes = SmallDataset().Serialize().substr(0, 500);
    bytes.resize(50'000);  // more than the headers need, so that only the altered field is wrong
    if (c.at == 25) bytes.resize(100);
    bytes[c.at] = c.value;
    EXPECT_THAT(Dataset::Parse(bytes).status().message(), HasSubstr(c.message)) << c.at;
  }
}

TEST(DatasetTest, RefusesPixelsOutOfRange) {
  std::string bytes = SmallDataset().Serialize();
  bytes.back() = '\xff';
  EXPECT_THAT(Dataset::Parse(bytes).status().message(), HasSubstr("pixel is 255, expected 1 .. 225"));
}

}  // namespace
}  // namespace seedcast
