#include "worker/tasks/learned_optimizer/hrnn_vector.h"

#include <algorithm>

#include "common/math/elementary.h"

namespace seedcast {
namespace {

// Hands out aligned pieces of one array.
class Arena {
 public:
  explicit Arena(float* memory) : memory_(memory) {}

  float* Take(int count) {
    float* here = memory_ + used_;
    used_ += (count + 15) / 16 * 16;
    return here;
  }
  float* Copy(const float* values, int count) { return std::copy_n(values, count, Take(count)) - count; }

  HrnnPackedAffine Padded(const HrnnAffine<const float>& affine, int inputs, int outputs, int columns) {
    float* weights = Take(inputs * columns);
    for (int k = 0; k < inputs; ++k) std::copy_n(affine.weights + k * outputs, outputs, weights + k * columns);
    float* biases = Take(columns);
    std::copy_n(affine.biases, outputs, biases);
    return {weights, biases};
  }
  HrnnPackedCell Padded(const HrnnCell<const float>& cell, int inputs, int units) {
    return {Padded(cell.gates, inputs + units, 2 * units, kHrnnGateColumns),
            Padded(cell.candidate, inputs + units, units, kHrnnCandidateColumns)};
  }
  // Weights and bias of a readout, one after the other.
  const float* ReadOut(const HrnnAffine<const float>& affine) {
    float* values = Take(kHrnnUnits0 + 1);
    std::copy_n(affine.weights, kHrnnUnits0, values);
    values[kHrnnUnits0] = affine.biases[0];
    return values;
  }

 private:
  float* memory_;
  int64_t used_ = 0;
};

// Room for theta with its padding: Pack takes 10,192.
constexpr int64_t kPackedFloats = 10 * 1024;

}  // namespace

const HrnnKernels& BestHrnnKernels() {
  static const HrnnKernels* const best = HrnnKernelsNamed("avx512") ? &kAvx512Hrnn : &kAvx2Hrnn;
  return *best;
}

const HrnnKernels* HrnnKernelsNamed(const std::string& name) {
  if (name == "avx2") return &kAvx2Hrnn;
  const bool has_avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return name == "avx512" && has_avx512 ? &kAvx512Hrnn : nullptr;
}

HrnnPacked::HrnnPacked() : values_(MakeAlignedArray<float>(kPackedFloats)), view_{} {}

void HrnnPacked::Pack(const float* theta) {
  const HrnnWeights<const float> weights(theta);
  Arena arena(values_.get());
  const auto& cell0 = weights.parameter_cell;
  view_.gates0 = arena.Copy(cell0.gates.weights, (kHrnnInputs0 + kHrnnUnits0) * 2 * kHrnnUnits0);
  view_.candidate0 = arena.Copy(cell0.candidate.weights, (kHrnnInputs0 + kHrnnUnits0) * kHrnnUnits0);
  float* biases0 = arena.Take(kHrnnExtra0Columns);
  std::copy_n(cell0.candidate.biases, kHrnnUnits0, std::copy_n(cell0.gates.biases, 2 * kHrnnUnits0, biases0));
  view_.biases0 = biases0;
  view_.parameter_from_tensor =
      arena.Padded(weights.parameter_from_tensor, kHrnnUnits1, 3 * kHrnnUnits0, kHrnnExtra0Columns);
  view_.parameter_from_global =
      arena.Padded(weights.parameter_from_global, kHrnnUnits2, 3 * kHrnnUnits0, kHrnnExtra0Columns);
  view_.tensor_from_global = arena.Padded(weights.tensor_from_global, kHrnnUnits2, 3 * kHrnnUnits1, kHrnnExtra1Columns);
  view_.tensor_cell = arena.Padded(weights.tensor_cell, kHrnnInputs1, kHrnnUnits1);
  view_.global_cell = arena.Padded(weights.global_cell, kHrnnInputs2, kHrnnUnits2);
  view_.direction_hidden = arena.Copy(weights.direction_hidden, kHrnnUnits0);
  view_.direction_gradient = arena.Copy(weights.direction_gradient, kHrnnScales);
  view_.scale_decay = arena.ReadOut(weights.scale_decay);
  view_.input_decay = arena.ReadOut(weights.input_decay);
  view_.learning_rate = arena.ReadOut(weights.learning_rate);
  view_.rate_momentum = Sigmoid(*weights.learning_rate_momentum);
  view_.rate_offset = *weights.learning_rate_offset;
}

int64_t HrnnPacked::Bytes() const { return kPackedFloats * sizeof(float); }

void StepWithKernels(const HrnnKernels& kernels, const HrnnShape& shape, const HrnnPacked& theta, const float* gradient,
                     HrnnState* state, float* parameters, HrnnActivations<float>* activations, bool recorded) {
  const auto cell = [](HrnnCellActivations<float>& values) {
    return HrnnCellRecord{values.reset.data(), values.update.data(), values.candidate.data()};
  };
  HrnnActivations<float>& out = *activations;
  const HrnnStepArguments arguments = {
      .sizes = shape.sizes.data(),
      .first = shape.first.data(),
      .tensors = shape.tensors(),
      .parameters = shape.parameters,
      .global_from_last_tensor = shape.global_from_last_tensor,
      .theta = theta.view(),
      .gradient = gradient,
      .values = parameters,
      .h0 = state->h0.data(),
      .scale_decay = state->scale_decay.data(),
      .input_decay = state->input_decay.data(),
      .log_rate = state->log_learning_rate.data(),
      .accumulator = state->accumulator.data(),
      .mean_square = state->mean_square.data(),
      .h1 = state->h1.data(),
      .h2 = state->h2.data(),
      .direction = out.direction.data(),
      .step = out.step.data(),
      .features = out.features.data(),
      .denominators = out.denominators.data(),
      .ratios = out.ratios.data(),
      .log_step = out.log_step.data(),
      .norms = out.norms.data(),
      .inputs1 = out.inputs1.data(),
      .inputs2 = out.inputs2.data(),
      .cell0 = cell(out.cell0),
      .cell1 = cell(out.cell1),
      .cell2 = cell(out.cell2),
  };
  (recorded ? kernels.recorded_step : kernels.step)(arguments);
}

}  // namespace seedcast
