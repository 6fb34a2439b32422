// What is derived from an episode's images, against its definition.
#include "worker/kernels/first_block.h"

#include <set>

#include "common/noise/philox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/kernels/tile_rows.h"

namespace seedcast {
namespace {

// Each pixel holds ink with probability 1 / rarity; edges and corners do in every image.
std::vector<uint8_t> RandomImages(int count, int rarity) {
  std::vector<uint8_t> pixels(count * kImagePixels, 0);
  PhiloxStream stream(1, 0, 0, 99);
  for (uint8_t& pixel : pixels) {
    if (stream.Below(rarity) == 0) pixel = static_cast<uint8_t>(1 + stream.Below(kPixelMax));
  }
  return pixels;
}

int Pixel(const std::vector<uint8_t>& pixels, int image, int y, int x) {
  if (y < 0 || y >= kImageSide || x < 0 || x >= kImageSide) return 0;
  return pixels[(image * kImageSide + y) * kImageSide + x];
}

TEST(EpisodeImagesTest, MomentsAreThoseOfThePatchesOfTheStatisticsImages) {
  constexpr int kStatistics = 3;
  const std::vector<uint8_t> pixels = RandomImages(4, 2);
  EpisodeImages images;
  images.Set(pixels, 4, kStatistics);
  constexpr double kPositions = kStatistics * kImagePixels;
  for (int t = 0; t < 9; ++t) {
    for (int s = 0; s < 9; ++s) {
      double sum_t = 0, sum_s = 0, products = 0;
      for (int i = 0; i < kStatistics * kImagePixels; ++i) {
        const int image = i / kImagePixels, y = i / kImageSide % kImageSide, x = i % kImageSide;
        const int a = Pixel(pixels, image, y + t / 3 - 1, x + t % 3 - 1);
        const int b = Pixel(pixels, image, y + s / 3 - 1, x + s % 3 - 1);
        sum_t += a;
        sum_s += b;
        products += a * b;
      }
      EXPECT_EQ(images.tap_mean()[t], sum_t / kPositions);
      // All of it exact until the last division.
      EXPECT_EQ(images.tap_covariance()[t * 9 + s], (kPositions * products - sum_t * sum_s) / (kPositions * kPositions))
          << t << " " << s;
    }
  }
}

TEST(EpisodeImagesTest, WindowsAndTilesAreInkedWhereTheirPixelsAre) {
  for (int rarity : {1, 20, 100, 400, 10000}) {
    const std::vector<uint8_t> pixels = RandomImages(5, rarity);
    EpisodeImages images;
    images.Set(pixels, 5, 1);
    for (int image = 0; image < 5; ++image) {
      std::set<int> seen;
      int tiles = 0;
      for (int w = 0; w < kWindows; ++w) {
        const int window = images.Windows(image)[w];
        seen.insert(window);
        int ink = 0;
        for (int p = 0; p < 16; ++p) {
          ink += Pixel(pixels, image, 2 * (window / kWindowSide) - 1 + p / 4, 2 * (window % kWindowSide) - 1 + p % 4);
        }
        EXPECT_EQ(ink > 0, w < images.InkedWindows(image)) << window;
        if (ink == 0) continue;
        for (int t = 0; t < 16; ++t) {
          const int y = window / kWindowSide - t / 4 * kTileSide;
          const int x = window % kWindowSide - t % 4 * kTileSide;
          if (y >= -1 && y <= kTileSide && x >= -1 && x <= kTileSide) tiles |= 1 << t;
        }
      }
      EXPECT_EQ(seen.size(), size_t{kWindows});
      EXPECT_EQ(images.InkedTiles(image), tiles);
    }
  }
}

TEST(TileRowsTest, EachComponentCoversTheTilesThatHaveItsPoints) {
  for (const ConvLayer& layer : ConvLayers(ConvNetShape::Uniform(16, 4))) {
    if (layer.in_channels == 1) continue;
    TileRows rows;
    rows.AddImage(TileRows::kAllTiles);
    rows.AddImage(0x35A7);
    rows.Assign(layer);
    for (int component = 0; component < kTileComponents; ++component) {
      const TileRows::Range range = rows.OfComponent(layer, component);
      for (int i = 0; i < 2 * layer.tiles(); ++i) {
        const int tile = i % layer.tiles();
        const int row = rows.Row(i / layer.tiles(), tile);
        if (i >= layer.tiles() && (0x35A7 >> tile & 1) == 0) {
          EXPECT_EQ(row, TileRows::kNone);
          continue;
        }
        const bool has_points = HasPoint(layer.Extent(tile / layer.tile_rows), component / kTilePatch) &&
                                HasPoint(layer.Extent(tile % layer.tile_rows), component % kTilePatch);
        EXPECT_EQ(has_points, row >= range.first && row < range.end) << "tile " << tile << " component " << component;
      }
    }
  }
}

}  // namespace
}  // namespace seedcast
