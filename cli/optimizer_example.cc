#include "cli/optimizer_example.h"

#include "common/noise/noise.h"
#include "common/noise/philox.h"

namespace seedcast {
namespace {

constexpr int64_t kTensorSizes[] = {6, 4};
constexpr int kParameters = 10;
constexpr int kSteps = 20;     // near its optimum the differences of rounding grow
constexpr uint64_t kSeed = 1;  // the example is the same for every model

std::vector<float> Uniforms(int count, PhiloxStream* stream) {
  std::vector<float> values(count);
  for (float& value : values) value = 2 * stream->Uniform() - 1;
  return values;
}

// W x - y, and from it the loss and the gradient W^T (W x - y); sums in double, in order.
struct Residual {
  Residual(const OptimizerExample& example, const std::vector<float>& x) : rows(kParameters) {
    for (int i = 0; i < kParameters; ++i) {
      rows[i] = -double{example.target[i]};
      for (int k = 0; k < kParameters; ++k) rows[i] += double{example.matrix[i * kParameters + k]} * x[k];
    }
  }
  float Loss() const {
    double sum = 0;
    for (const double row : rows) sum += row * row;
    return static_cast<float>(sum / 2);
  }
  std::vector<float> Gradient(const OptimizerExample& example) const {
    std::vector<float> gradient(kParameters);
    for (int k = 0; k < kParameters; ++k) {
      double sum = 0;
      for (int i = 0; i < kParameters; ++i) sum += double{example.matrix[i * kParameters + k]} * rows[i];
      gradient[k] = static_cast<float>(sum);
    }
    return gradient;
  }

  std::vector<double> rows;
};

}  // namespace

OptimizerExample MakeOptimizerExample(absl::Span<const float> theta, const HrnnOptions& options) {
  PhiloxStream stream(kSeed, 0, 0, static_cast<uint32_t>(NoiseDomain::kTask));
  OptimizerExample example;
  example.global_from_last_tensor = {options.global_from_last_tensor ? 1.0f : 0.0f};
  example.tensor_sizes.assign(std::begin(kTensorSizes), std::end(kTensorSizes));
  example.matrix = Uniforms(kParameters * kParameters, &stream);
  example.target = Uniforms(kParameters, &stream);
  example.start = Uniforms(kParameters, &stream);

  const auto hrnn = MakeHrnn(kTensorSizes, options);
  hrnn->SetTheta(theta);
  HrnnState state;
  hrnn->Begin(kSeed, 0, 0, &state);
  example.log_learning_rate = state.log_learning_rate;
  std::vector<float> x = example.start;
  example.losses = {Residual(example, x).Loss()};
  for (int step = 0; step < kSteps; ++step) {
    hrnn->Step(Residual(example, x).Gradient(example), &state, absl::MakeSpan(x));
    example.losses.push_back(Residual(example, x).Loss());
  }
  return example;
}

std::vector<Tensor> ExampleTensors(const OptimizerExample& example) {
  const auto size = [](const std::vector<float>& values) { return static_cast<int64_t>(values.size()); };
  return {
      {"published.global_from_last_tensor", {}, example.global_from_last_tensor},
      {"example.tensor_sizes", {size(example.tensor_sizes)}, example.tensor_sizes},
      {"example.matrix", {kParameters, kParameters}, example.matrix},
      {"example.target", {kParameters}, example.target},
      {"example.start", {kParameters}, example.start},
      {"example.log_learning_rate", {kParameters}, example.log_learning_rate},
      {"example.losses", {size(example.losses)}, example.losses},
  };
}

}  // namespace seedcast
