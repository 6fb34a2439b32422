#include "common/strategy/estimate.h"

#include <algorithm>
#include <cmath>
#include <utility>

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
  if (spec.strategy().estimator() == v1::Strategy::GRADIENT) return;
  weights_ = CombinedWeights(spec_, outcome.fitness);
  AddTerms(generation);
}

// Spans overlap in part, for pairs are of different ages: each generation gets the weights of those pairs whose span
// holds it, 0 for the others.
void Estimate::AddTerms(int64_t generation) {
  std::vector<NoiseSpan> spans(weights_.size());
  int64_t oldest = generation;
  for (size_t p = 0; p < spans.size(); ++p) {
    spans[p] = WeighedNoise(spec_, generation, static_cast<int64_t>(p));
    if (weights_[p] != 0) oldest = std::min(oldest, spans[p].first);
  }
  terms_.resize(generation - oldest + 1);
  for (size_t p = 0; p < spans.size(); ++p) {
    if (weights_[p] == 0) continue;
    for (int64_t drawn = spans[p].first; drawn <= spans[p].last; ++drawn) {
      Term& term = terms_[drawn - oldest];
      term.weights.resize(weights_.size());
      term.weights[p] = weights_[p];
      ++noises_;
    }
  }
  for (size_t i = 0; i < terms_.size(); ++i) {
    terms_[i].key = {spec_.seed(), static_cast<uint32_t>(oldest + static_cast<int64_t>(i)), 0};
  }
  std::erase_if(terms_, [](const Term& term) { return term.weights.empty(); });
}

// Each term becomes two; pairs of weight 0 cost nothing.
void Estimate::SumByHalves() {
  std::vector<Term> halves;
  for (const Term& term : terms_) {
    for (const bool odd : {false, true}) {
      Term& half = halves.emplace_back(term);
      half.odd = odd;
      for (size_t p = odd ? 0 : 1; p < half.weights.size(); p += 2) half.weights[p] = 0;
    }
  }
  terms_ = std::move(halves);
}

void Estimate::At(int64_t first, absl::Span<float> g, Halves* halves) const {
  if (spec_.strategy().estimator() == v1::Strategy::GRADIENT) {
    ClipGradient(first, g);
  } else {
    SumNoise(first, g, halves);
  }
}

void Estimate::SumNoise(int64_t first, absl::Span<float> g, Halves* halves) const {
  int64_t sum[kBlock] = {};
  if (halves != nullptr) *halves = {};
  for (const Term& term : terms_) {
    int64_t* const part = halves == nullptr ? sum : term.odd ? halves->odd : halves->even;
    AccumulatePairs(Distribution(spec_.strategy()), term.key, term.weights, first, absl::MakeSpan(part, g.size()));
  }
  if (halves != nullptr) {
    for (size_t i = 0; i < g.size(); ++i) sum[i] = halves->even[i] + halves->odd[i];
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
