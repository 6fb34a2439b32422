#include "common/strategy/shaping.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

namespace seedcast {
namespace {

constexpr double kUnit = 4096;  // weight of a difference of one root mean square
constexpr double kClip = 4;     // in root mean squares

// Twice the rank (0 = smallest) of every value; equal values share the mean of their ranks. No value is NaN.
std::vector<int32_t> DoubledRanks(absl::Span<const double> values) {
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return values[a] < values[b]; });
  std::vector<int32_t> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (size_t i = first; i < end; ++i) ranks[order[i]] = static_cast<int32_t>(first + end - 1);
    first = end;
  }
  return ranks;
}

std::vector<int32_t> CenteredRankWeights(absl::Span<const float> fitness) {
  constexpr double kWorst = -std::numeric_limits<double>::infinity();
  std::vector<double> values(fitness.size());
  std::transform(fitness.begin(), fitness.end(), values.begin(),
                 [](float f) { return std::isfinite(f) ? double{f} : kWorst; });
  const std::vector<int32_t> ranks = DoubledRanks(values);
  std::vector<int32_t> weights(fitness.size() / 2);
  for (size_t p = 0; p < weights.size(); ++p) weights[p] = ranks[2 * p] - ranks[2 * p + 1];  // N-1 cancels
  return weights;
}

// The pairs with two finite members.
struct Differences {
  std::vector<size_t> pair;
  std::vector<double> difference;
};

Differences FiniteDifferences(absl::Span<const float> fitness) {
  Differences finite;
  for (size_t p = 0; p < fitness.size() / 2; ++p) {
    const float plus = fitness[2 * p];
    const float minus = fitness[2 * p + 1];
    if (!std::isfinite(plus) || !std::isfinite(minus)) continue;
    finite.pair.push_back(p);
    finite.difference.push_back(double{plus} - double{minus});
  }
  return finite;
}

std::vector<int32_t> SignedRankWeights(absl::Span<const float> fitness) {
  const auto [pair, difference] = FiniteDifferences(fitness);
  std::vector<double> magnitude(difference.size());
  std::transform(difference.begin(), difference.end(), magnitude.begin(), [](double d) { return std::fabs(d); });
  const std::vector<int32_t> ranks = DoubledRanks(magnitude);
  std::vector<int32_t> weights(fitness.size() / 2);
  for (size_t i = 0; i < pair.size(); ++i) {
    const int sign = (difference[i] > 0) - (difference[i] < 0);
    weights[pair[i]] = sign * (ranks[i] + 2);  // ranks count from 1 here
  }
  return weights;
}

std::vector<int32_t> NormalizedDifferenceWeights(absl::Span<const float> fitness) {
  const auto [pair, difference] = FiniteDifferences(fitness);
  double sum = 0;
  for (const double d : difference) sum += d * d;
  std::vector<int32_t> weights(fitness.size() / 2);
  if (sum == 0) return weights;
  const double rms = std::sqrt(sum / static_cast<double>(difference.size()));
  for (size_t i = 0; i < pair.size(); ++i) {
    const double clipped = std::clamp(difference[i] / rms, -kClip, kClip);
    weights[pair[i]] = static_cast<int32_t>(std::nearbyint(clipped * kUnit));
  }
  return weights;
}

}  // namespace

std::vector<int32_t> PairWeights(v1::Strategy::Shaping shaping, absl::Span<const float> fitness) {
  switch (shaping) {
    case v1::Strategy::CENTERED_RANKS:
      return CenteredRankWeights(fitness);
    case v1::Strategy::SIGNED_RANKS:
      return SignedRankWeights(fitness);
    default:
      return NormalizedDifferenceWeights(fitness);
  }
}

double EstimateScale(v1::Strategy::Shaping shaping, int64_t population_size) {
  const double members = static_cast<double>(population_size);
  const double pairs = members / 2;
  switch (shaping) {
    case v1::Strategy::CENTERED_RANKS:
      return 1 / (members * std::sqrt((members * members - 1) / 3));
    case v1::Strategy::SIGNED_RANKS:
      return 1 / (pairs * std::sqrt(2 * (pairs + 1) * (2 * pairs + 1) / 3));
    default:
      return 1 / (kUnit * pairs);
  }
}

}  // namespace seedcast
