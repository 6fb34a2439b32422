// Speed of the embedding network's kernels on one core.
#include <benchmark/benchmark.h>

#include "common/noise/philox.h"
#include "worker/kernels/convnet.h"

namespace seedcast {
namespace {

void BM_Embed(benchmark::State& state, const ConvNetKernels& kernels) {
  const ConvNetShape shape{static_cast<int>(state.range(0)), 4};
  const int count = static_cast<int>(state.range(1));
  std::vector<uint8_t> pixels(count * kImagePixels);
  PhiloxStream stream(1, 0, 0, 99);
  for (uint8_t& pixel : pixels) pixel = stream.Below(10) == 0 ? stream.Below(226) : 0;
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
