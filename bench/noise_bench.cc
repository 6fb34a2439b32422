// Noise: billions of values a second on one core, per instruction set, beside what a program would otherwise call.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "common/noise/noise.h"

namespace seedcast {
namespace {

constexpr size_t kParameters = 111'680;  // conv4-64

void CountValues(benchmark::State& state, size_t values) {
  state.counters["values/s"] =
      benchmark::Counter(static_cast<double>(values), benchmark::Counter::kIsIterationInvariantRate);
}

bool UseIsa(benchmark::State& state, const char* isa) {
  if (SetNoiseIsa(isa)) return true;
  state.SkipWithError("this machine does not have it");
  return false;
}

// As a pair is made: drawn once into bytes, applied with both signs. Counts the values of both members.
void DrawThenPerturbBoth(benchmark::State& state, const char* isa, NoiseDistribution distribution) {
  if (!UseIsa(state, isa)) return;
  const std::vector<float> theta(kParameters, 0.5f);
  const float s = NoiseScale(distribution, 0.1);
  std::vector<float> member(kParameters);
  std::vector<int8_t> noise(kParameters);
  NoiseKey key = {1, 0, 0};
  for (auto _ : state) {
    DrawNoise(distribution, key, absl::MakeSpan(noise));
    Perturb(theta, noise, s, absl::MakeSpan(member));
    benchmark::DoNotOptimize(member.data());
    Perturb(theta, noise, -s, absl::MakeSpan(member));
    benchmark::DoNotOptimize(member.data());
    ++key.pair;
  }
  CountValues(state, 2 * kParameters);
}

void AccumulateOf(benchmark::State& state, const char* isa, NoiseDistribution distribution) {
  if (!UseIsa(state, isa)) return;
  const std::vector<int32_t> weights(64, 4096);
  std::vector<int64_t> sum(kParameters);
  for (auto _ : state) {
    AccumulatePairs(distribution, {1, 0, 0}, weights, 0, absl::MakeSpan(sum));
    benchmark::DoNotOptimize(sum.data());
  }
  CountValues(state, kParameters * weights.size());
}

void StandardNormal(benchmark::State& state) {
  std::mt19937_64 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> member(kParameters);
  for (auto _ : state) {
    for (float& value : member) value = 0.5f + 0.1f * normal(generator);
    benchmark::DoNotOptimize(member.data());
  }
  CountValues(state, kParameters);
}

void RegisterAll() {
  constexpr auto kPopcount = NoiseDistribution::kPopcount;
  constexpr auto kSign = NoiseDistribution::kSign;
  for (const char* isa : {"avx512", "avx2", "scalar"}) {
    for (const auto& [name, distribution] : {std::pair{"popcount", kPopcount}, std::pair{"sign", kSign}}) {
      const std::string suffix = std::string("/") + name + "/" + isa;
      benchmark::RegisterBenchmark(("DrawThenPerturbBoth" + suffix).c_str(), DrawThenPerturbBoth, isa, distribution);
      benchmark::RegisterBenchmark(("AccumulatePairs" + suffix).c_str(), AccumulateOf, isa, distribution);
    }
  }
  benchmark::RegisterBenchmark("std::normal_distribution", StandardNormal);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  seedcast::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
}
