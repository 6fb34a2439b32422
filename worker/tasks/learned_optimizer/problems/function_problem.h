// A problem from a plain function, computed in double and rounded once at the end. For the small ones, whose cost
// vanishes beside the optimizer's.
//
// A Function has
//   std::vector<int64_t> TensorSizes() const;
//   void Start(PhiloxStream& random, absl::Span<float> x) const;          draws a starting point
//   double Value(const double* x);
//   template <typename S> void Gradient(const S* x, S* gradient);         S: double, Dual<double>
//   int64_t Bytes() const;
// and, where it has data, Select(int64_t batch): what follows is about that mini-batch, or kWholeSet.
#pragma once

#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/dual.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

inline constexpr int64_t kWholeSet = -1;

template <typename Function>
class FunctionProblem final : public Problem {
 public:
  FunctionProblem(const ProblemSeed& seed, Function function)
      : seed_(seed),
        function_(std::move(function)),
        sizes_(function_.TensorSizes()),
        num_parameters_(std::accumulate(sizes_.begin(), sizes_.end(), int64_t{0})),
        point_(num_parameters_),
        result_(num_parameters_),
        dual_point_(num_parameters_),
        dual_result_(num_parameters_) {}

  absl::Span<const int64_t> tensor_sizes() const override { return sizes_; }
  int64_t num_parameters() const override { return num_parameters_; }

  void InitialParameters(int restart, absl::Span<float> parameters) const override {
    PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kStart, restart);
    function_.Start(random, parameters);
  }

  // Rounding may take a minimum of 0 below it.
  float Objective(absl::Span<const float> parameters) override {
    const float value = BatchObjective(parameters, kWholeSet);
    return value < 0 ? 0 : value;
  }

  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override {
    Select(batch);
    point_.assign(parameters.begin(), parameters.end());
    return static_cast<float>(function_.Value(point_.data()));
  }

  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override {
    Gradient(parameters, kWholeSet, gradient);
  }

  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    Select(batch);
    point_.assign(parameters.begin(), parameters.end());
    function_.Gradient(point_.data(), result_.data());
    for (int64_t i = 0; i < num_parameters_; ++i) gradient[i] = static_cast<float>(result_[i]);
  }

  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override {
    Select(batch);
    for (int64_t i = 0; i < num_parameters_; ++i) dual_point_[i] = Dual<double>(parameters[i], v[i]);
    function_.Gradient(dual_point_.data(), dual_result_.data());
    for (int64_t i = 0; i < num_parameters_; ++i) product[i] = static_cast<float>(dual_result_[i].derivative);
  }

  float Accuracy(absl::Span<const float>, bool) override { return std::numeric_limits<float>::quiet_NaN(); }

  int64_t Bytes() const override {
    const auto scratch = 2 * num_parameters_ * (sizeof(double) + sizeof(Dual<double>));
    return function_.Bytes() + static_cast<int64_t>(scratch);
  }

 private:
  void Select([[maybe_unused]] int64_t batch) {
    if constexpr (requires { function_.Select(batch); }) function_.Select(batch);
  }

  ProblemSeed seed_;
  Function function_;
  std::vector<int64_t> sizes_;
  int64_t num_parameters_;
  std::vector<double> point_, result_;
  std::vector<Dual<double>> dual_point_, dual_result_;
};

}  // namespace seedcast
