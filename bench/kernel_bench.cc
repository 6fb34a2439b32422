// Speed of the embedding network's kernels on one core, against the measured peak of its FMA units.
//
//   kernel_bench [seconds per figure, default 0.5]
//
// Each figure is the best of several short runs, so that other load on the machine shows least. A layer's time is the
// difference between networks of b and b - 1 blocks. "direct" counts the multiplications and additions of a plain 3x3
// convolution of every position; "executed" those that Winograd's products leave, without the transforms and without
// tiles and windows that see no ink. The bfloat16 classes have no such savings; their rate is against "direct" alone.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bench/peak.h"
#include "common/noise/philox.h"
#include "worker/kernels/convnet.h"
#include "worker/kernels/first_block.h"
#include "worker/kernels/tile_rows.h"

namespace seedcast {
namespace {

double seconds_per_figure = 0.5;

// Four strokes on a blank ground: like on Omniglot's characters, about a third of the 2x2 windows see ink.
std::vector<uint8_t> Characters(int count) {
  std::vector<uint8_t> pixels(count * kImagePixels, 0);
  for (int image = 0; image < count; ++image) {
    PhiloxStream stream(1, image, 0, 99);
    for (int stroke = 0; stroke < 4; ++stroke) {
      int y = 4 + static_cast<int>(stream.Below(20));
      int x = 4 + static_cast<int>(stream.Below(20));
      const int dy = static_cast<int>(stream.Below(3)) - 1;
      const int dx = static_cast<int>(stream.Below(3)) - 1;
      for (int step = 0; step < 12; ++step) {
        pixels[image * kImagePixels + y * kImageSide + x] = static_cast<uint8_t>(1 + stream.Below(kPixelMax));
        y = std::clamp(y + (stream.Below(4) == 0 ? 1 : dy), 2, 25);
        x = std::clamp(x + (stream.Below(4) == 0 ? 1 : dx), 2, 25);
      }
    }
  }
  return pixels;
}

double EmbedSeconds(const ConvNetKernels& kernels, const ConvNetShape& shape, int count) {
  auto net = kernels.make(shape);
  net->SetImages(Characters(count), count, count);
  const std::vector<float> theta = InitialConvNetTheta(shape, 1);
  std::vector<float> embeddings(int64_t{count} * shape.embedding_size());
  return BestSeconds(seconds_per_figure, [&] { net->Embed(theta, absl::MakeSpan(embeddings)); });
}

double DirectFlops(const ConvLayer& layer, int count) {
  return 2.0 * 9 * layer.in_channels * layer.filters * layer.side * layer.side * count;
}

double ExecutedFlops(const ConvLayer& layer, int block, const EpisodeImages& images) {
  double flops = 0;
  TileRows rows;
  for (int image = 0; image < images.count(); ++image) {
    if (block == 0) flops += 2.0 * 9 * 4 * images.InkedWindows(image) * layer.filters;
    rows.AddImage(block == 1 ? images.InkedTiles(image) : TileRows::kAllTiles);
  }
  if (block == 0) return flops;
  rows.Assign(layer);
  for (int component = 0; component < kTileComponents; ++component) {
    const TileRows::Range range = rows.OfComponent(layer, component);
    flops += 2.0 * (range.end - range.first) * layer.in_channels * layer.filters;
  }
  return flops;
}

void PrintLayers(const ConvNetKernels& kernels, int filters, int count) {
  EpisodeImages images;
  images.Set(Characters(count), count, count);
  std::printf("\n%s, %d filters, %d images\n", kernels.name.c_str(), filters, count);
  std::printf("  block   us/episode  direct GFLOP/s  executed GFLOP/s\n");
  double before = 0;
  for (int blocks = 1; blocks <= 4; ++blocks) {
    const ConvLayer layer = ConvLayers(ConvNetShape::Uniform(filters, blocks)).back();
    const double total = EmbedSeconds(kernels, ConvNetShape::Uniform(filters, blocks), count);
    const double seconds = total - before;
    std::printf("  %5d   %10.1f  %14.1f", blocks, seconds * 1e6, DirectFlops(layer, count) / seconds * 1e-9);
    if (kernels.numeric_class == v1::F32) {
      std::printf("  %16.1f", ExecutedFlops(layer, blocks - 1, images) / seconds * 1e-9);
    }
    std::printf("\n");
    before = total;
  }
  std::printf("  evaluations/s: %.1f\n", 1 / before);
}

void PrintSetImages(const ConvNetKernels& kernels, int count) {
  auto net = kernels.make(ConvNetShape::Uniform(64, 4));
  const std::vector<uint8_t> pixels = Characters(count);
  std::printf("\nSetImages, %d images: %.1f us\n", count,
              BestSeconds(seconds_per_figure, [&] { net->SetImages(pixels, count, count); }) * 1e6);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) {
  using namespace seedcast;
  if (argc > 1) seconds_per_figure = std::atof(argv[1]);
  for (const ConvNetKernels& kernels : AvailableConvNetKernels()) {
    if (kernels.name == "scalar") continue;
    if (kernels.numeric_class == v1::F32) {
      std::printf("\n== %s: FMA peak of one core %.1f GFLOP/s\n", kernels.name.c_str(),
                  PeakGflops(seconds_per_figure, kernels.name == "avx512"));
    }
    for (int filters : {64, 32}) PrintLayers(kernels, filters, 50);
  }
  PrintSetImages(*BestConvNetKernels(v1::F32), 50);
}
