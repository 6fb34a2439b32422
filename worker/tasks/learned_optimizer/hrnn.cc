#include "worker/tasks/learned_optimizer/hrnn.h"

#include <cmath>

#include "common/noise/noise.h"
#include "common/noise/philox.h"
#include "worker/tasks/learned_optimizer/hrnn_reference.h"
#include "worker/tasks/learned_optimizer/hrnn_vector.h"

namespace seedcast {
namespace {

// A log learning rate is the sum of two halves uniform in these bounds, one a tensor's, one a parameter's: rates lie
// between 1e-6 and 1e-2, well inside the clip of +-33.
constexpr float kLowHalf = -6.90775528f;   // log(1e-6) / 2
constexpr float kHighHalf = -2.30258509f;  // log(1e-2) / 2

// Problems draw from blocks 0, 1, 2 ... of (stream, substream, kTask); the optimizer from the upper half of the blocks.
constexpr uint32_t kFirstBlock = uint32_t{1} << 31;

class LogRates {
 public:
  LogRates(uint64_t seed, uint32_t stream, uint32_t substream)
      : seed_(seed), counter_{kFirstBlock, stream, substream, static_cast<uint32_t>(NoiseDomain::kTask)} {}

  float NextHalf() {
    if (used_ == 4) {
      words_ = Philox(counter_, seed_);
      ++counter_[0];
      used_ = 0;
    }
    const float uniform = static_cast<float>(2 * (words_[used_++] >> 9) + 1) * 0x1p-24f;
    return std::fma(kHighHalf - kLowHalf, uniform, kLowHalf);
  }

 private:
  uint64_t seed_;
  PhiloxBlock counter_;
  PhiloxBlock words_{};
  int used_ = 4;
};

class ScalarHrnn final : public Hrnn {
 public:
  ScalarHrnn(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options)
      : shape_(tensor_sizes, options), activations_(shape_) {}

  void SetTheta(absl::Span<const float> theta) override { theta_.assign(theta.begin(), theta.end()); }

  void Begin(uint64_t seed, uint32_t stream, uint32_t substream, HrnnState* state) override {
    BeginHrnnState(shape_, theta_.data(), seed, stream, substream, state);
  }

  void Step(absl::Span<const float> gradient, HrnnState* state, absl::Span<float> parameters) override {
    HrnnReferenceStep(shape_, theta_.data(), gradient.data(), state, parameters.data(), &activations_);
  }

  int64_t Bytes() const override { return activations_.Bytes() + kHrnnParameters * sizeof(float); }

 private:
  const HrnnShape shape_;
  std::vector<float> theta_;
  HrnnActivations<float> activations_;
};

class VectorHrnn final : public Hrnn {
 public:
  VectorHrnn(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options, const HrnnKernels& kernels)
      : shape_(tensor_sizes, options), kernels_(kernels), activations_(shape_, /*recorded=*/false) {}

  void SetTheta(absl::Span<const float> theta) override {
    theta_.assign(theta.begin(), theta.end());
    packed_.Pack(theta_.data());
  }

  void Begin(uint64_t seed, uint32_t stream, uint32_t substream, HrnnState* state) override {
    BeginHrnnState(shape_, theta_.data(), seed, stream, substream, state);
  }

  void Step(absl::Span<const float> gradient, HrnnState* state, absl::Span<float> parameters) override {
    StepWithKernels(kernels_, shape_, packed_, gradient.data(), state, parameters.data(), &activations_, false);
  }

  int64_t Bytes() const override {
    return activations_.Bytes() + packed_.Bytes() + kHrnnParameters * static_cast<int64_t>(sizeof(float));
  }

 private:
  const HrnnShape shape_;
  const HrnnKernels& kernels_;
  std::vector<float> theta_;
  HrnnPacked packed_;
  HrnnActivations<float> activations_;
};

}  // namespace

template <typename Real>
void BasicHrnnState<Real>::Resize(int64_t parameters, int64_t tensors) {
  h0.assign(kHrnnUnits0 * parameters, 0);
  for (auto* values : {&scale_decay, &input_decay, &log_learning_rate}) values->assign(parameters, 0);
  for (auto* values : {&accumulator, &mean_square}) values->assign(kHrnnScales * parameters, 0);
  h1.assign(kHrnnUnits1 * tensors, 0);
  h2.assign(kHrnnUnits2, 0);
}

template <typename Real>
int64_t BasicHrnnState<Real>::Bytes() const {
  const size_t count = h0.size() + scale_decay.size() + input_decay.size() + log_learning_rate.size() +
                       accumulator.size() + mean_square.size() + h1.size() + h2.size();
  return static_cast<int64_t>(count * sizeof(Real));
}

template struct BasicHrnnState<float>;
template struct BasicHrnnState<double>;

void BeginHrnnState(const HrnnShape& shape, const float* theta, uint64_t seed, uint32_t stream, uint32_t substream,
                    HrnnState* state) {
  const HrnnWeights<const float> weights(theta);
  const int64_t n = shape.parameters;
  state->Resize(n, shape.tensors());
  for (int j = 0; j < kHrnnUnits0; ++j) {
    for (int64_t p = 0; p < n; ++p) state->h0[j * n + p] = weights.initial_h0[j];
  }
  for (size_t i = 0; i < state->h1.size(); ++i) state->h1[i] = weights.initial_h1[i % kHrnnUnits1];
  for (int j = 0; j < kHrnnUnits2; ++j) state->h2[j] = weights.initial_h2[j];
  LogRates rates(seed, stream, substream);
  for (int64_t t = 0; t < shape.tensors(); ++t) {
    const float of_tensor = rates.NextHalf();
    for (int64_t i = 0; i < shape.sizes[t]; ++i) {
      state->log_learning_rate[shape.first[t] + i] = of_tensor + rates.NextHalf();
    }
  }
}

std::unique_ptr<Hrnn> MakeHrnn(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options,
                               const std::string& kernels) {
  if (kernels == "scalar") return std::make_unique<ScalarHrnn>(tensor_sizes, options);
  const HrnnKernels* chosen = kernels.empty() ? &BestHrnnKernels() : HrnnKernelsNamed(kernels);
  return chosen == nullptr ? nullptr : std::make_unique<VectorHrnn>(tensor_sizes, options, *chosen);
}

}  // namespace seedcast
