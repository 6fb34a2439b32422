#include "worker/tasks/learned_optimizer/problems/wrappers.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/types/span.h"
#include "common/math/elementary.h"

namespace seedcast {
namespace {

// Hands everything on to the problem inside.
class Wrapper : public Problem {
 public:
  explicit Wrapper(std::unique_ptr<Problem> inner) : inner_(std::move(inner)) {}

  absl::Span<const int64_t> tensor_sizes() const override { return inner_->tensor_sizes(); }
  int64_t num_parameters() const override { return inner_->num_parameters(); }
  void InitialParameters(int restart, absl::Span<float> parameters) const override {
    inner_->InitialParameters(restart, parameters);
  }
  float Objective(absl::Span<const float> parameters) override { return inner_->Objective(parameters); }
  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override {
    inner_->ObjectiveGradient(parameters, gradient);
  }
  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override {
    return inner_->BatchObjective(parameters, batch);
  }
  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    inner_->Gradient(parameters, batch, gradient);
  }
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override {
    inner_->HessianTimes(parameters, batch, v, product);
  }
  float Accuracy(absl::Span<const float> parameters, bool inverted) override {
    return inner_->Accuracy(parameters, inverted);
  }
  int64_t Bytes() const override { return inner_->Bytes(); }

 protected:
  std::unique_ptr<Problem> inner_;
};

class Rescaled final : public Wrapper {
 public:
  Rescaled(std::unique_ptr<Problem> inner, float scale)
      : Wrapper(std::move(inner)), scale_(scale), scaled_(num_parameters()) {}

  void InitialParameters(int restart, absl::Span<float> parameters) const override {
    inner_->InitialParameters(restart, parameters);
    for (float& parameter : parameters) parameter *= scale_;
  }
  float Objective(absl::Span<const float> parameters) override { return inner_->Objective(Scaled(parameters)); }
  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override {
    inner_->ObjectiveGradient(Scaled(parameters), gradient);
    for (float& derivative : gradient) derivative /= scale_;
  }
  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override {
    return inner_->BatchObjective(Scaled(parameters), batch);
  }
  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    inner_->Gradient(Scaled(parameters), batch, gradient);
    for (float& derivative : gradient) derivative /= scale_;
  }
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override {
    inner_->HessianTimes(Scaled(parameters), batch, v, product);
    for (float& entry : product) entry /= scale_ * scale_;
  }
  float Accuracy(absl::Span<const float> parameters, bool inverted) override {
    return inner_->Accuracy(Scaled(parameters), inverted);
  }
  int64_t Bytes() const override { return inner_->Bytes() + num_parameters() * int64_t{sizeof(float)}; }

 private:
  absl::Span<const float> Scaled(absl::Span<const float> parameters) {
    for (size_t i = 0; i < scaled_.size(); ++i) scaled_[i] = parameters[i] / scale_;
    return scaled_;
  }

  float scale_;
  std::vector<float> scaled_;
};

class LogProblem final : public Wrapper {
 public:
  explicit LogProblem(std::unique_ptr<Problem> inner) : Wrapper(std::move(inner)), gradient_(num_parameters()) {}

  float Objective(absl::Span<const float> parameters) override { return LogOf(inner_->Objective(parameters)); }
  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override {
    inner_->ObjectiveGradient(parameters, gradient);
    Divide(gradient, inner_->Objective(parameters));
  }
  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override {
    return LogOf(inner_->BatchObjective(parameters, batch));
  }
  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    inner_->Gradient(parameters, batch, gradient);
    Divide(gradient, inner_->BatchObjective(parameters, batch));
  }
  // With f = P + epsilon and g its gradient: (H v) / f - g (g v) / f^2.
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override {
    const double f = inner_->BatchObjective(parameters, batch) + kEpsilon;
    inner_->Gradient(parameters, batch, absl::MakeSpan(gradient_));
    inner_->HessianTimes(parameters, batch, v, product);
    double along = 0;
    for (size_t i = 0; i < gradient_.size(); ++i) along += static_cast<double>(gradient_[i]) * v[i];
    for (size_t i = 0; i < gradient_.size(); ++i) {
      product[i] = static_cast<float>((product[i] - gradient_[i] * (along / f)) / f);
    }
  }
  float Accuracy(absl::Span<const float> parameters, bool inverted) override {
    return inner_->Accuracy(parameters, inverted);
  }
  int64_t Bytes() const override { return inner_->Bytes() + num_parameters() * int64_t{sizeof(float)}; }

 private:
  static constexpr double kEpsilon = 1e-6;

  static float LogOf(float objective) { return static_cast<float>(Log(objective + kEpsilon) - Log(kEpsilon)); }
  static void Divide(absl::Span<float> gradient, float objective) {
    for (float& derivative : gradient) derivative = static_cast<float>(derivative / (objective + kEpsilon));
  }

  std::vector<float> gradient_;
};

class SumProblem final : public Problem {
 public:
  explicit SumProblem(std::vector<std::unique_ptr<Problem>> parts) : parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      sizes_.insert(sizes_.end(), part->tensor_sizes().begin(), part->tensor_sizes().end());
      num_parameters_ += part->num_parameters();
    }
  }

  absl::Span<const int64_t> tensor_sizes() const override { return sizes_; }
  int64_t num_parameters() const override { return num_parameters_; }
  void InitialParameters(int restart, absl::Span<float> parameters) const override {
    ForEach([&](Problem& part, int64_t at, int64_t n) { part.InitialParameters(restart, parameters.subspan(at, n)); });
  }
  float Objective(absl::Span<const float> parameters) override {
    float sum = 0;
    ForEach([&](Problem& part, int64_t at, int64_t n) { sum += part.Objective(parameters.subspan(at, n)); });
    return sum;
  }
  void ObjectiveGradient(absl::Span<const float> parameters, absl::Span<float> gradient) override {
    ForEach([&](Problem& part, int64_t at, int64_t n) {
      part.ObjectiveGradient(parameters.subspan(at, n), gradient.subspan(at, n));
    });
  }
  float BatchObjective(absl::Span<const float> parameters, int64_t batch) override {
    float sum = 0;
    ForEach(
        [&](Problem& part, int64_t at, int64_t n) { sum += part.BatchObjective(parameters.subspan(at, n), batch); });
    return sum;
  }
  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    ForEach([&](Problem& part, int64_t at, int64_t n) {
      part.Gradient(parameters.subspan(at, n), batch, gradient.subspan(at, n));
    });
  }
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override {
    ForEach([&](Problem& part, int64_t at, int64_t n) {
      part.HessianTimes(parameters.subspan(at, n), batch, v.subspan(at, n), product.subspan(at, n));
    });
  }
  float Accuracy(absl::Span<const float>, bool) override { return std::numeric_limits<float>::quiet_NaN(); }
  int64_t Bytes() const override {
    int64_t bytes = 0;
    ForEach([&](Problem& part, int64_t, int64_t) { bytes += part.Bytes(); });
    return bytes;
  }

 private:
  // visit(part, its first parameter, how many it has)
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    int64_t at = 0;
    for (const auto& part : parts_) {
      visit(*part, at, part->num_parameters());
      at += part->num_parameters();
    }
  }

  std::vector<std::unique_ptr<Problem>> parts_;
  std::vector<int64_t> sizes_;
  int64_t num_parameters_ = 0;
};

class Sparse final : public Wrapper {
 public:
  Sparse(std::unique_ptr<Problem> inner, float zero_probability, const ProblemSeed& seed)
      : Wrapper(std::move(inner)), zero_probability_(zero_probability), seed_(seed), masked_(num_parameters()) {}

  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    inner_->Gradient(parameters, batch, gradient);
    Mask(batch, gradient);
  }
  // The mask stands left of the Hessian, so its transpose comes first.
  void HessianTimes(absl::Span<const float> parameters, int64_t batch, absl::Span<const float> v,
                    absl::Span<float> product) override {
    masked_.assign(v.begin(), v.end());
    Mask(batch, absl::MakeSpan(masked_));
    inner_->HessianTimes(parameters, batch, masked_, product);
  }
  int64_t Bytes() const override { return inner_->Bytes() + num_parameters() * int64_t{sizeof(float)}; }

 private:
  void Mask(int64_t batch, absl::Span<float> values) const {
    PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kSparsity, batch);
    for (float& value : values) {
      if (random.Uniform() < zero_probability_) value = 0;
    }
  }

  float zero_probability_;
  ProblemSeed seed_;
  std::vector<float> masked_;
};

class Noisy final : public Wrapper {
 public:
  Noisy(std::unique_ptr<Problem> inner, float stdev, const ProblemSeed& seed)
      : Wrapper(std::move(inner)), stdev_(stdev), seed_(seed), noise_(num_parameters()) {}

  void Gradient(absl::Span<const float> parameters, int64_t batch, absl::Span<float> gradient) override {
    inner_->Gradient(parameters, batch, gradient);
    PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kNoise, batch);
    FillNormals(random, absl::MakeSpan(noise_));
    for (size_t i = 0; i < noise_.size(); ++i) gradient[i] += stdev_ * noise_[i];
  }
  int64_t Bytes() const override { return inner_->Bytes() + num_parameters() * int64_t{sizeof(float)}; }

 private:
  float stdev_;
  ProblemSeed seed_;
  std::vector<float> noise_;
};

}  // namespace

std::unique_ptr<Problem> MakeRescaled(std::unique_ptr<Problem> inner, double scale) {
  return std::make_unique<Rescaled>(std::move(inner), static_cast<float>(scale));
}

std::unique_ptr<Problem> MakeLog(std::unique_ptr<Problem> inner) {
  return std::make_unique<LogProblem>(std::move(inner));
}

std::unique_ptr<Problem> MakeSum(std::vector<std::unique_ptr<Problem>> parts) {
  return std::make_unique<SumProblem>(std::move(parts));
}

std::unique_ptr<Problem> MakeSparse(std::unique_ptr<Problem> inner, double zero_probability, const ProblemSeed& seed) {
  return std::make_unique<Sparse>(std::move(inner), static_cast<float>(zero_probability), seed);
}

std::unique_ptr<Problem> MakeNoisy(std::unique_ptr<Problem> inner, double stdev, const ProblemSeed& seed) {
  return std::make_unique<Noisy>(std::move(inner), static_cast<float>(stdev), seed);
}

}  // namespace seedcast
