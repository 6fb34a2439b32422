#include "common/strategy/estimate.h"

#include <algorithm>
#include <cmath>

#include "common/strategy/estimator.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

// Popcount noise has standard deviation 2.
float UnitScale(const v1::JobSpec& spec) {
  const double scale = CombinedScale(spec);
  return static_cast<float>(Distribution(spec.strategy()) == NoiseDistribution::kSign ? scale : scale / 2);
}

}  // namespace

Estimate::Estimate(const v1::JobSpec& spec, int64_t generation, const Outcome& outcome)
    : spec_(spec), gradient_(outcome.gradient), scale_(UnitScale(spec)) {
  if (spec.strategy().estimator() != v1::Strategy::GRADIENT) AddTerms(generation, outcome.fitness);
}

// Spans overlap in part, for pairs are of different ages: each generation gets the weights of those pairs whose span
// holds it, 0 for the others.
void Estimate::AddTerms(int64_t generation, absl::Span<const float> fitness) {
  const std::vector<int32_t> weights = CombinedWeights(spec_, fitness);
  std::vector<NoiseSpan> spans(weights.size());
  int64_t oldest = generation;
  for (size_t p = 0; p < spans.size(); ++p) {
    spans[p] = WeighedNoise(spec_, generation, static_cast<int64_t>(p));
    if (weights[p] != 0) oldest = std::min(oldest, spans[p].first);
  }
  terms_.resize(generation - oldest + 1);
  for (size_t p = 0; p < spans.size(); ++p) {
    if (weights[p] == 0) continue;
    for (int64_t drawn = spans[p].first; drawn <= spans[p].last; ++drawn) {
      Term& term = terms_[drawn - oldest];
      term.weights.resize(weights.size());
      term.weights[p] = weights[p];
      ++noises_;
    }
  }
  for (size_t i = 0; i < terms_.size(); ++i) {
    terms_[i].key = {spec_.seed(), static_cast<uint32_t>(oldest + static_cast<int64_t>(i)), 0};
  }
  std::erase_if(terms_, [](const Term& term) { return term.weights.empty(); });
}

void Estimate::At(int64_t first, absl::Span<float> g) const {
  if (spec_.strategy().estimator() == v1::Strategy::GRADIENT) {
    ClipGradient(first, g);
  } else {
    SumNoise(first, g);
  }
}

void Estimate::SumNoise(int64_t first, absl::Span<float> g) const {
  int64_t sum[kBlock] = {};
  for (const Term& term : terms_) {
    AccumulatePairs(Distribution(spec_.strategy()), term.key, term.weights, first, absl::MakeSpan(sum, g.size()));
  }
  for (size_t i = 0; i < g.size(); ++i) g[i] = static_cast<float>(sum[i]) * scale_;
}

void Estimate::ClipGradient(int64_t first, absl::Span<float> g) const {
  const auto clip = static_cast<float>(spec_.strategy().gradient_clip());
  for (size_t i = 0; i < g.size(); ++i) {
    const float value = gradient_[first + i];
    if (!std::isfinite(value)) {
      g[i] = 0;
    } else {
      g[i] = clip == 0 ? value : std::clamp(value, -clip, clip);
    }
  }
}

}  // namespace seedcast
