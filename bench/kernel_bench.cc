// Speed of the embedding network's kernels on one core.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "common/noise/philox.h"
#include "worker/kernels/convnet.h"

namespace seedcast {
namespace {

// Strokes on a blank ground; like Omniglot's characters, a third of the 2x2 windows see ink.
std::vector<uint8_t> Characters(int count) {
  std::vector<uint8_t> pixels(count * kImagePixels, 0);
  for (int image = 0; image < count; ++image) {
    PhiloxStream stream(1, image, 0, 99);
    for (int stroke = 0; stroke < 4; ++stroke) {
      int y = 4 + stream.Below(20), x = 4 + stream.Below(20);
      const int dy = static_cast<int>(stream.Below(3)) - 1, dx = static_cast<int>(stream.Below(3)) - 1;
      for (int step = 0; step < 12; ++step) {
        pixels[image * kImagePixels + y * kImageSide + x] = static_cast<uint8_t>(1 + stream.Below(kPixelMax));
        y = std::clamp(y + (stream.Below(4) == 0 ? 1 : dy), 2, 25);
        x = std::clamp(x + (stream.Below(4) == 0 ? 1 : dx), 2, 25);
      }
    }
  }
  return pixels;
}

void BM_Embed(benchmark::State& state, const ConvNetKernels& kernels) {
  const ConvNetShape shape{static_cast<int>(state.range(0)), 4};
  const int count = static_cast<int>(state.range(1));
  const std::vector<uint8_t> pixels = Characters(count);
  auto net = kernels.make(shape);
  net->SetImages(pixels, count, count);
  const std::vector<float> theta = InitialConvNetTheta(shape, 1);
  std::vector<float> embeddings(count * shape.embedding_size());
  for (auto _ : state) net->Embed(theta, absl::MakeSpan(embeddings));
  state.counters["evaluations/s"] = benchmark::Counter(state.iterations(), benchmark::Counter::kIsRate);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) {
  for (const auto& kernels : seedcast::AvailableConvNetKernels()) {
    if (kernels.name == "scalar") continue;
    benchmark::RegisterBenchmark(("Embed/" + kernels.name).c_str(), seedcast::BM_Embed, kernels)
        ->ArgNames({"filters", "images"})
        ->Args({64, 50})
        ->Args({32, 50})
        ->Args({32, 60});
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
