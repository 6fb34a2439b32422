#include "coordinator/engine/gradient_sum.h"

namespace seedcast::engine {

void GradientSum::Add(int64_t pair, absl::Span<const float> gradient) {
  if (pair != next_) {
    early_.emplace(pair, std::vector<float>(gradient.begin(), gradient.end()));
    return;
  }
  AddInOrder(gradient);
  for (auto next = early_.begin(); next != early_.end() && next->first == next_; next = early_.erase(next)) {
    AddInOrder(next->second);
  }
}

void GradientSum::AddInOrder(absl::Span<const float> gradient) {
  ++next_;
  if (gradient.empty()) return;
  ++counted_;
  for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += double{gradient[i]};
}

std::vector<float> WeightedMean(absl::Span<const GradientSum* const> clusters, absl::Span<const int32_t> weights) {
  std::vector<double> total(clusters[0]->sum().size());
  double total_weight = 0;
  for (size_t c = 0; c < clusters.size(); ++c) {
    if (clusters[c]->counted() == 0) continue;
    total_weight += weights[c];
    const auto pairs = static_cast<double>(clusters[c]->counted());
    for (size_t i = 0; i < total.size(); ++i) total[i] += weights[c] * (clusters[c]->sum()[i] / pairs);
  }
  std::vector<float> mean(total.size());
  if (total_weight == 0) return mean;
  for (size_t i = 0; i < total.size(); ++i) mean[i] = static_cast<float>(total[i] / total_weight);
  return mean;
}

}  // namespace seedcast::engine
