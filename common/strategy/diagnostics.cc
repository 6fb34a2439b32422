#include "common/strategy/diagnostics.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace seedcast {

void DiagnosticSums::Add(const DiagnosticSums& other) {
  last_squared += other.last_squared;
  last_product += other.last_product;
  halves_product += other.halves_product;
  halves_difference += other.halves_difference;
  theta_squared += other.theta_squared;
  step_squared += other.step_squared;
}

double EffectiveUtilities(absl::Span<const int32_t> weights) {
  double sum = 0, squares = 0;
  for (const int32_t weight : weights) {
    sum += std::fabs(weight);
    squares += double{1} * weight * weight;
  }
  return squares == 0 ? UpdateDiagnostics::kNone : sum * sum / (static_cast<double>(weights.size()) * squares);
}

std::array<float, 5> FiniteQuantiles(absl::Span<const float> values) {
  std::vector<float> finite;
  finite.reserve(values.size());
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](float v) { return std::isfinite(v); });
  std::array<float, 5> quantiles;
  quantiles.fill(std::numeric_limits<float>::quiet_NaN());
  auto rest = finite.begin();  // what is before it is in its place
  for (size_t i = 0; i < kQuantiles.size() && !finite.empty(); ++i) {
    const auto rank = std::llrint(kQuantiles[i] * static_cast<double>(finite.size() - 1));
    std::nth_element(rest, finite.begin() + rank, finite.end());
    quantiles[i] = finite[rank];
    rest = finite.begin() + rank;
  }
  return quantiles;
}

}  // namespace seedcast
