#include "common/strategy/estimator.h"

#include <algorithm>
#include <cmath>

#include "common/math/elementary.h"
#include "common/noise/philox.h"
#include "common/strategy/shaping.h"

namespace seedcast {
namespace {

bool Exponential(const v1::JobSpec& spec) { return UnrollOf(spec).lengths() == v1::Unroll::EXPONENTIAL; }

// A word of 32 random bits says yes once in n.
bool OnceIn(int64_t n, uint32_t word) { return (uint64_t{word} * static_cast<uint64_t>(n)) >> 32 == 0; }

PhiloxBlock Draw(const v1::JobSpec& spec, int64_t number, int64_t who, int64_t generation) {
  return Philox({static_cast<uint32_t>(number), static_cast<uint32_t>(who), static_cast<uint32_t>(generation),
                 static_cast<uint32_t>(NoiseDomain::kSchedule)},
                spec.seed());
}

// As PhiloxStream::Uniform, of the block's first word: kLeastUniform .. 1.
double Uniform(const PhiloxBlock& block) { return static_cast<double>(2 * (block[0] >> 9) + 1) * 0x1p-24; }
constexpr double kLeastUniform = 0x1p-24;

int64_t ExponentialSteps(const v1::Unroll& lengths, double u) {
  return lengths.min_steps() + static_cast<int64_t>(std::nearbyint(-lengths.steps() * Log(u)));
}

// Whose lengths these are: everybody's, or the pair's own.
int64_t Who(const v1::JobSpec& spec, int cluster, int64_t pair) {
  return UnrollOf(spec).independent() ? int64_t{cluster} * (int64_t{1} << 20) + pair + 1 : 0;
}

Boundary DrawnBoundary(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  const PhiloxBlock words = Draw(spec, 0, pair, generation);
  if (!OnceIn(UnrollOf(spec).count(), words[0])) return Boundary::kNone;
  return OnceIn(UnrollOf(spec).restarts(), words[1]) ? Boundary::kReset : Boundary::kRestart;
}

int64_t InstanceUnrolls(const v1::Unroll& unroll) { return int64_t{unroll.count()} * unroll.restarts(); }

// FIXED: the newest generation in first .. generation that begins a period, or the first.
int64_t PeriodStart(const v1::JobSpec& spec, int64_t generation, int64_t pair, int64_t period) {
  return std::max(spec.first_generation(), generation - (generation + pair) % period);
}

}  // namespace

Boundary BoundaryBefore(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  if (!CarriesState(spec) || generation <= spec.first_generation()) return Boundary::kReset;
  if (Exponential(spec)) return DrawnBoundary(spec, generation, pair);
  const v1::Unroll& unroll = UnrollOf(spec);
  if ((generation + pair) % unroll.count() != 0) return Boundary::kNone;
  return (generation + pair) % InstanceUnrolls(unroll) == 0 ? Boundary::kReset : Boundary::kRestart;
}

int64_t ResetGeneration(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  if (!CarriesState(spec)) return generation;
  if (!Exponential(spec)) return PeriodStart(spec, generation, pair, InstanceUnrolls(UnrollOf(spec)));
  while (BoundaryBefore(spec, generation, pair) != Boundary::kReset) --generation;
  return generation;
}

int64_t TrainingStart(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  if (!CarriesState(spec)) return generation;
  if (spec.learned_optimizer().published().carried_state()) return ResetGeneration(spec, generation, pair);
  if (!Exponential(spec)) return PeriodStart(spec, generation, pair, UnrollOf(spec).count());
  while (BoundaryBefore(spec, generation, pair) == Boundary::kNone) --generation;
  return generation;
}

int64_t OldestReset(const v1::JobSpec& spec, int64_t generation) {
  const int64_t pairs = spec.strategy().population_size() / 2;
  if (!CarriesState(spec)) return generation;
  if (!Exponential(spec)) {
    // Ages are (generation + p) mod period: those of successive pairs rise by one and fall from the oldest to 0.
    const int64_t period = InstanceUnrolls(UnrollOf(spec));
    const int64_t oldest = std::min(generation % period + pairs - 1, period - 1);
    return std::max(spec.first_generation(), generation - oldest);
  }
  int64_t oldest = generation;
  for (int64_t pair = 0; pair < pairs; ++pair) oldest = std::min(oldest, ResetGeneration(spec, generation, pair));
  return oldest;
}

int64_t UnrollsOfEvaluation(const v1::JobSpec& spec, int64_t generation, int cluster, int64_t pair) {
  const int64_t count = UnrollOf(spec).count();
  if (!Exponential(spec) || count == 1) return count;
  const double u = Uniform(Draw(spec, 0, Who(spec, cluster, pair), generation));
  return 1 + static_cast<int64_t>(std::floor(Log(u) / Log(1 - 1 / static_cast<double>(count))));
}

int64_t UnrollSteps(const v1::JobSpec& spec, int64_t generation, int cluster, int64_t pair, int unroll) {
  const v1::Unroll& lengths = UnrollOf(spec);
  if (!Exponential(spec)) return lengths.steps();
  return ExponentialSteps(lengths, Uniform(Draw(spec, int64_t{unroll} + 1, Who(spec, cluster, pair), generation)));
}

int64_t MostUnrollSteps(const v1::JobSpec& spec) {
  return Exponential(spec) ? ExponentialSteps(UnrollOf(spec), kLeastUniform) : UnrollOf(spec).steps();
}

NoiseKey MemberNoise(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  const bool reused = spec.strategy().estimator() == v1::Strategy::NRES;
  const int64_t drawn = reused ? TrainingStart(spec, generation, pair) : generation;
  return {spec.seed(), static_cast<uint32_t>(drawn), static_cast<uint32_t>(pair)};
}

NoiseSpan WeighedNoise(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  switch (spec.strategy().estimator()) {
    case v1::Strategy::PES:
      return {TrainingStart(spec, generation, pair), generation};
    case v1::Strategy::NRES: {
      const int64_t start = TrainingStart(spec, generation, pair);
      return {start, start};
    }
    default:
      return {generation, generation};
  }
}

std::vector<int32_t> CombinedWeights(const v1::JobSpec& spec, absl::Span<const float> fitness) {
  const v1::Strategy& strategy = spec.strategy();
  const auto population = static_cast<size_t>(strategy.population_size());
  std::vector<int32_t> combined(population / 2);
  for (int cluster = 0; cluster < ClusterCount(spec); ++cluster) {
    const std::vector<int32_t> weights =
        PairWeights(strategy.shaping(), fitness.subspan(cluster * population, population));
    for (size_t p = 0; p < combined.size(); ++p) combined[p] += ClusterWeight(spec, cluster) * weights[p];
  }
  return combined;
}

double CombinedScale(const v1::JobSpec& spec) {
  return EstimateScale(spec.strategy().shaping(), spec.strategy().population_size()) /
         static_cast<double>(TotalClusterWeight(spec));
}

}  // namespace seedcast
