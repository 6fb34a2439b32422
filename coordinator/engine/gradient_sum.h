// The sum of the gradients of a generation's pairs, in order of pairs whatever order they arrive in: float64 addition
// is not associative, and the same job must give the same bits on any workers. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/types/span.h"

namespace seedcast::engine {

class GradientSum {
 public:
  explicit GradientSum(int64_t num_parameters) : sum_(num_parameters) {}

  // Every pair once, from 0 on without gaps; an empty gradient is left out of the mean. What comes early is kept until
  // the pairs before it are there.
  void Add(int64_t pair, absl::Span<const float> gradient);

  int64_t counted() const { return counted_; }
  absl::Span<const double> sum() const { return sum_; }

 private:
  void AddInOrder(absl::Span<const float> gradient);

  std::vector<double> sum_;  // (num_parameters) of pairs 0 .. next_ - 1
  int64_t next_ = 0;
  int64_t counted_ = 0;  // of these, those that had a gradient
  absl::btree_map<int64_t, std::vector<float>> early_;
};

// The estimate of a generation: sum_c W_c mean_c / sum_c W_c over the clusters in which a pair counted, in order of
// clusters, in float64 and rounded once. Zero when no pair of any cluster counted.
std::vector<float> WeightedMean(absl::Span<const GradientSum* const> clusters, absl::Span<const int32_t> weights);

}  // namespace seedcast::engine
