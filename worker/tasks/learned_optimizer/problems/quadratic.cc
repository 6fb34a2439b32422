#include "worker/tasks/learned_optimizer/problems/quadratic.h"

#include <algorithm>
#include <limits>

namespace seedcast {
namespace {

// One column of n normals, padded with zeros to whole blocks.
void DrawColumn(PhiloxStream& random, int64_t n, absl::Span<Lanes> column) {
  std::vector<float> values(column.size() * kLanes);
  FillNormals(random, absl::MakeSpan(values).first(n));
  for (size_t block = 0; block < column.size(); ++block) column[block] = Lanes::Load(&values[block * kLanes]);
}

}  // namespace

Quadratic::Quadratic(int64_t n, const ProblemSeed& seed)
    : seed_(seed),
      n_(n),
      blocks_((n + kLanes - 1) / kLanes),
      columns_(n * blocks_),
      minus_y_(blocks_),
      zero_(blocks_),
      product_(blocks_) {
  PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kData);
  for (int64_t column = 0; column < n; ++column) {
    DrawColumn(random, n, absl::MakeSpan(columns_).subspan(column * blocks_, blocks_));
  }
  DrawColumn(random, n, absl::MakeSpan(minus_y_));  // its sign does not matter
}

void Quadratic::InitialParameters(int restart, absl::Span<float> parameters) const {
  PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kStart, restart);
  FillNormals(random, parameters);
}

// Four blocks of rows at a time stay in registers while the columns go by.
void Quadratic::Multiply(absl::Span<const float> x, const std::vector<Lanes>& start) {
  constexpr int64_t kTile = 4;
  for (int64_t first = 0; first < blocks_; first += kTile) {
    const int64_t tile = std::min(kTile, blocks_ - first);
    Lanes sum[kTile];
    std::copy_n(&start[first], tile, sum);
    for (int64_t column = 0; column < n_; ++column) {
      const Lanes* rows = &columns_[column * blocks_ + first];
      const Lanes factor = x[column];
      if (tile == kTile) {
        for (int64_t i = 0; i < kTile; ++i) sum[i] = Fma(rows[i], factor, sum[i]);
      } else {
        for (int64_t i = 0; i < tile; ++i) sum[i] = Fma(rows[i], factor, sum[i]);
      }
    }
    std::copy_n(sum, tile, &product_[first]);
  }
}

void Quadratic::MultiplyTransposed(absl::Span<float> out) const {
  for (int64_t column = 0; column < n_; ++column) {
    const Lanes* rows = &columns_[column * blocks_];
    Lanes sum;
    for (int64_t block = 0; block < blocks_; ++block) sum = Fma(rows[block], product_[block], sum);
    out[column] = Sum(sum);
  }
}

float Quadratic::Objective(absl::Span<const float> parameters) {
  Multiply(parameters, minus_y_);
  Lanes sum;
  for (const Lanes& residual : product_) sum = Fma(residual, residual, sum);
  return 0.5f * Sum(sum);
}

void Quadratic::ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) {
  Multiply(parameters, minus_y_);
  MultiplyTransposed(gradient);
}

float Quadratic::BatchObjective(absl::Span<const float> parameters, int64_t) { return Objective(parameters); }

void Quadratic::Gradient(absl::Span<const float> parameters, int64_t, absl::Span<float> gradient) {
  ObjectiveGradient(parameters, gradient);
}

void Quadratic::HessianTimes(absl::Span<const float>, int64_t, absl::Span<const float> v, absl::Span<float> product) {
  Multiply(v, zero_);
  MultiplyTransposed(product);
}

float Quadratic::Accuracy(absl::Span<const float>, bool) { return std::numeric_limits<float>::quiet_NaN(); }

int64_t Quadratic::Bytes() const {
  return static_cast<int64_t>((columns_.size() + 3 * product_.size()) * sizeof(Lanes));
}

}  // namespace seedcast
