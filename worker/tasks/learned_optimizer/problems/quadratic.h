// 1/2 |W x - y|^2 with W (n, n) and y (n) drawn from N(0, 1).
//
// F32: W x is a chain over columns for each row; its transpose and the sum of squares are 16 chains (lane l takes the
// rows l, l + 16 ...) that meet in Sum of lanes.h.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/lanes.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

class Quadratic final : public Problem {
 public:
  Quadratic(int64_t n, const ProblemSeed& seed);

  absl::Span<const int64_t> tensor_sizes() const override { return absl::MakeConstSpan(&n_, 1); }
  int64_t num_parameters() const override { return n_; }
  void InitialParameters(int restart, absl::Span<float> parameters) const override;
  float Objective(absl::Span<const float> parameters) override;
  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override;
  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override;
  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override;
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override;
  float Accuracy(absl::Span<const float> parameters, bool inverted) override;
  int64_t Bytes() const override;

 private:
  void Multiply(absl::Span<const float> x, const std::vector<Lanes>& start);  // product_ = start + W x
  void MultiplyTransposed(absl::Span<float> out) const;                       // out = W^T product_

  ProblemSeed seed_;
  int64_t n_;
  int64_t blocks_;              // of 16 rows; what is past n is 0
  std::vector<Lanes> columns_;  // (n, blocks): W
  std::vector<Lanes> minus_y_;  // (blocks)
  std::vector<Lanes> zero_;     // (blocks)
  std::vector<Lanes> product_;  // (blocks)
};

}  // namespace seedcast
