#include "worker/data/glyphs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "common/digest.h"

namespace seedcast {
namespace {

TEST(GlyphsTest, AreTheSameOnEveryMachine) {
  EXPECT_EQ(ToHex(Sha256Of(GenerateGlyphs({}).Serialize())), kGlyphsDigest);
}

TEST(GlyphsTest, HasTheCountsAskedFor) {
  const Dataset dataset = GenerateGlyphs({.seed = 3, .train = 5, .validation = 3, .test = 2, .drawers = 4});
  EXPECT_EQ(dataset.drawings(), 4);
  EXPECT_EQ(dataset.CharactersOf(Split::kTrain).size(), 5u);
  EXPECT_EQ(dataset.CharactersOf(Split::kValidation).size(), 3u);
  EXPECT_EQ(dataset.CharactersOf(Split::kTest).size(), 2u);
}

TEST(GlyphsTest, SeedsGiveOtherCharacters) {
  const GlyphOptions few{.train = 2, .validation = 1, .test = 1, .drawers = 2};
  GlyphOptions other = few;
  other.seed = 2;
  EXPECT_NE(GenerateGlyphs(few).Serialize(), GenerateGlyphs(other).Serialize());
}

TEST(GlyphsTest, EveryDrawingHasInkAndIsAnotherHand) {
  const Dataset dataset = GenerateGlyphs({.train = 50, .validation = 0, .test = 0});
  for (int c = 0; c < dataset.characters(); ++c) {
    for (int d = 0; d < dataset.drawings(); ++d) {
      const auto image = dataset.Image(c, d);
      EXPECT_GT(std::accumulate(image.begin(), image.end(), 0), 5 * kPixelMax) << dataset.name(c) << " " << d;
      if (d > 0) {
        EXPECT_NE(image, dataset.Image(c, d - 1)) << dataset.name(c) << " " << d;
      }
    }
  }
}

}  // namespace
}  // namespace seedcast
