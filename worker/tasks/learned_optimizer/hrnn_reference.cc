#include "worker/tasks/learned_optimizer/hrnn_reference.h"

#include <algorithm>
#include <cmath>

#include "common/math/elementary.h"

namespace seedcast {
namespace {

template <typename Real>
Real WeightedMean(Real y, Real a, Real b) {
  return std::fma(y, a, (1 - y) * b);
}

// start + sum over inputs x[k] w[k * stride].
template <typename Real>
Real Chain(Real start, const Real* x, int inputs, const Real* w, int stride) {
  for (int k = 0; k < inputs; ++k) start = std::fma(x[k], w[k * stride], start);
  return start;
}

template <typename Real>
void Affine(const HrnnAffine<const Real>& affine, const Real* x, int inputs, int outputs, Real* y) {
  for (int j = 0; j < outputs; ++j) y[j] = Chain(affine.biases[j], x, inputs, affine.weights + j, outputs);
}

template <typename Real, typename Value>
Real MeanOf(int64_t count, const Value& value) {
  Real lanes[kHrnnLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i % kHrnnLanes] += value(i);
  return LaneTree(lanes) / static_cast<Real>(count);
}

// Where one evaluation of a cell leaves reset, update and candidate of unit j: at [j * stride].
template <typename Real>
struct CellOutputs {
  Real* reset;
  Real* update;
  Real* candidate;
  int64_t stride;
};

// h (units) of a cell whose inputs are x (kInputs); extra: (3 units), added to the biases.
template <int kInputs, int kUnits, typename Real>
void StepCell(const HrnnCell<const Real>& cell, const Real* x, const Real* extra, Real* h,
              const CellOutputs<Real>& outputs) {
  Real inputs[kInputs + kUnits];
  std::copy_n(x, kInputs, inputs);
  std::copy_n(h, kUnits, inputs + kInputs);
  Real gates[2 * kUnits];
  for (int j = 0; j < 2 * kUnits; ++j) {
    const Real start = cell.gates.biases[j] + extra[j];
    gates[j] = Sigmoid(Chain(start, inputs, kInputs + kUnits, cell.gates.weights + j, 2 * kUnits));
  }
  for (int j = 0; j < kUnits; ++j) inputs[kInputs + j] = gates[j] * h[j];
  for (int j = 0; j < kUnits; ++j) {
    const Real start = cell.candidate.biases[j] + extra[2 * kUnits + j];
    const Real candidate = Tanh(Chain(start, inputs, kInputs + kUnits, cell.candidate.weights + j, kUnits));
    h[j] = WeightedMean(gates[kUnits + j], h[j], candidate);
    outputs.reset[j * outputs.stride] = gates[j];
    outputs.update[j * outputs.stride] = gates[kUnits + j];
    outputs.candidate[j * outputs.stride] = candidate;
  }
}

template <typename Real>
class ReferenceStep {
 public:
  ReferenceStep(const HrnnShape& shape, const Real* theta, const Real* gradient, BasicHrnnState<Real>* state,
                Real* parameters, HrnnActivations<Real>* activations)
      : shape_(shape),
        n_(shape.parameters),
        weights_(theta),
        gradient_(gradient),
        state_(*state),
        parameters_(parameters),
        out_(*activations) {}

  void Run() {
    mean_log_rate_ = MeanOf<Real>(n_, [&](int64_t p) { return state_.log_learning_rate[p]; });
    Affine(weights_.parameter_from_global, state_.h2.data(), kHrnnUnits2, 3 * kHrnnUnits0, from_global0_);
    Affine(weights_.tensor_from_global, state_.h2.data(), kHrnnUnits2, 3 * kHrnnUnits1, from_global1_);
    for (int t = 0; t < shape_.tensors(); ++t) {
      StepParameters(t);
      StepTensor(t);
      Move(t);
    }
    StepGlobal();
  }

 private:
  // (1) to (6), (9) to (11) of the parameters of a tensor.
  void StepParameters(int t) {
    Real extra[3 * kHrnnUnits0];
    Affine(weights_.parameter_from_tensor, &state_.h1[t * kHrnnUnits1], kHrnnUnits1, 3 * kHrnnUnits0, extra);
    for (int j = 0; j < 3 * kHrnnUnits0; ++j) extra[j] += from_global0_[j];
    bool fresh[kHrnnScales];
    for (int i = 0; i < kHrnnScales; ++i) fresh[i] = HrnnScaleIsFresh(shape_, t, i, state_);
    for (int64_t p = shape_.first[t]; p < shape_.first[t] + shape_.sizes[t]; ++p) {
      Features(p, fresh);
      Cell0(p, extra);
      ReadOut(p);
    }
  }

  void Features(int64_t p, const bool (&fresh)[kHrnnScales]) {  // (1) to (5)
    Real scaled[kHrnnScales], logs[kHrnnScales];
    Real decay = state_.input_decay[p];
    for (int i = 0; i < kHrnnScales; ++i, decay = std::sqrt(decay)) {
      Real& accumulator = state_.accumulator[i * n_ + p];
      accumulator = WeightedMean(decay, accumulator, gradient_[p]);
      const Real square = std::fma(accumulator, accumulator, static_cast<Real>(kHrnnSquareFloor));
      Real& mean_square = state_.mean_square[i * n_ + p];
      mean_square = WeightedMean(fresh[i] ? Real{0} : state_.scale_decay[p], mean_square, square);
      const Real floored = mean_square + static_cast<Real>(kHrnnDivisionFloor);
      out_.denominators[i * n_ + p] = std::sqrt(floored);
      out_.ratios[i * n_ + p] = accumulator / out_.denominators[i * n_ + p];
      scaled[i] = Asinh(out_.ratios[i * n_ + p]);
      logs[i] = Log(floored);
    }
    const Real mean_log = ((logs[0] + logs[1]) + (logs[2] + logs[3])) * Real{0.25};
    Real* x = &out_.features[p];
    for (int i = 0; i < 4; ++i) x[i * n_] = scaled[i];
    for (int i = 0; i < 3; ++i) x[(4 + i) * n_] = scaled[i] * scaled[i + 1];
    for (int i = 0; i < 4; ++i) x[(7 + i) * n_] = logs[i] - mean_log;
    x[11 * n_] = state_.log_learning_rate[p] - mean_log_rate_;
  }

  void Cell0(int64_t p, const Real* extra) {  // (6)
    Real x[kHrnnInputs0], h[kHrnnUnits0];
    for (int k = 0; k < kHrnnInputs0; ++k) x[k] = out_.features[k * n_ + p];
    for (int j = 0; j < kHrnnUnits0; ++j) h[j] = state_.h0[j * n_ + p];
    StepCell<kHrnnInputs0, kHrnnUnits0>(weights_.parameter_cell, x, extra, h,
                                        {&out_.cell0.reset[p], &out_.cell0.update[p], &out_.cell0.candidate[p], n_});
    for (int j = 0; j < kHrnnUnits0; ++j) state_.h0[j * n_ + p] = h[j];
  }

  void ReadOut(int64_t p) {  // (9) but for its norm, (10), (11)
    Real h[kHrnnUnits0], scaled[kHrnnScales];
    for (int j = 0; j < kHrnnUnits0; ++j) h[j] = state_.h0[j * n_ + p];
    for (int i = 0; i < kHrnnScales; ++i) scaled[i] = out_.features[i * n_ + p];
    const auto read = [&](Real start, const Real* w) { return Chain(start, h, kHrnnUnits0, w, 1); };
    out_.direction[p] = Chain(read(0, weights_.direction_hidden), scaled, kHrnnScales, weights_.direction_gradient, 1);
    state_.scale_decay[p] = Sigmoid(read(weights_.scale_decay.biases[0], weights_.scale_decay.weights));
    state_.input_decay[p] = Sigmoid(read(weights_.input_decay.biases[0], weights_.input_decay.weights));
    Real& log_rate = state_.log_learning_rate[p];
    const Real change = read(weights_.learning_rate.biases[0], weights_.learning_rate.weights);
    constexpr Real kLimit = kHrnnLogRateLimit;
    out_.log_step[p] = std::clamp(log_rate + change, -kLimit, kLimit);
    out_.step[p] = Exp(out_.log_step[p] + weights_.learning_rate_offset[0]);
    log_rate = WeightedMean(Sigmoid(weights_.learning_rate_momentum[0]), log_rate, out_.log_step[p]);
  }

  void StepTensor(int t) {  // (7)
    const int64_t first = shape_.first[t];
    Real* inputs = &out_.inputs1[t * kHrnnInputs1];
    for (int j = 0; j < kHrnnUnits0; ++j) {
      inputs[j] = MeanOf<Real>(shape_.sizes[t], [&](int64_t i) { return state_.h0[j * n_ + first + i]; });
    }
    for (int k = 0; k < kHrnnFeatures; ++k) {
      inputs[kHrnnUnits0 + k] =
          MeanOf<Real>(shape_.sizes[t], [&](int64_t i) { return out_.features[k * n_ + first + i]; });
    }
    const int at = t * kHrnnUnits1;
    StepCell<kHrnnInputs1, kHrnnUnits1>(weights_.tensor_cell, inputs, from_global1_, &state_.h1[at],
                                        {&out_.cell1.reset[at], &out_.cell1.update[at], &out_.cell1.candidate[at], 1});
  }

  void StepGlobal() {  // (8)
    const int tensors = static_cast<int>(shape_.tensors());
    for (int j = 0; j < kHrnnUnits1; ++j) {
      Real sum = 0;
      for (int t = 0; t < tensors; ++t) sum += state_.h1[t * kHrnnUnits1 + j];
      out_.inputs2[j] = shape_.global_from_last_tensor ? state_.h1[(tensors - 1) * kHrnnUnits1 + j]
                                                       : sum / static_cast<Real>(tensors);
    }
    const Real no_extra[3 * kHrnnUnits2] = {};
    StepCell<kHrnnInputs2, kHrnnUnits2>(
        weights_.global_cell, out_.inputs2.data(), no_extra, state_.h2.data(),
        {out_.cell2.reset.data(), out_.cell2.update.data(), out_.cell2.candidate.data(), 1});
  }

  void Move(int t) {  // the norm of (9), and (12)
    const int64_t first = shape_.first[t];
    Real lanes[kHrnnLanes] = {};
    for (int64_t i = 0; i < shape_.sizes[t]; ++i) {
      const Real u = out_.direction[first + i];
      lanes[i % kHrnnLanes] = std::fma(u, u, lanes[i % kHrnnLanes]);
    }
    const Real mean_square = LaneTree(lanes) / static_cast<Real>(shape_.sizes[t]);
    out_.norms[t] = std::sqrt(mean_square + static_cast<Real>(kHrnnDivisionFloor));
    for (int64_t p = first; p < first + shape_.sizes[t]; ++p) {
      parameters_[p] = std::fma(-out_.step[p], out_.direction[p] / out_.norms[t], parameters_[p]);
    }
  }

  const HrnnShape& shape_;
  const int64_t n_;
  const HrnnWeights<const Real> weights_;
  const Real* const gradient_;
  BasicHrnnState<Real>& state_;
  Real* const parameters_;
  HrnnActivations<Real>& out_;
  Real mean_log_rate_ = 0;
  Real from_global0_[3 * kHrnnUnits0];
  Real from_global1_[3 * kHrnnUnits1];
};

}  // namespace

HrnnShape::HrnnShape(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options)
    : sizes(tensor_sizes.begin(), tensor_sizes.end()), global_from_last_tensor(options.global_from_last_tensor) {
  for (const int64_t size : sizes) {
    first.push_back(parameters);
    parameters += size;
  }
}

template <typename Real>
HrnnActivations<Real>::HrnnActivations(const HrnnShape& shape, bool recorded) {
  const auto resize_cell = [](HrnnCellActivations<Real>& cell, int64_t count) {
    for (auto* values : {&cell.reset, &cell.update, &cell.candidate}) values->resize(count);
  };
  const int64_t n = shape.parameters;
  for (auto* values : {&direction, &step}) values->resize(n);
  if (!recorded) return;
  features.resize(kHrnnFeatures * n);
  for (auto* values : {&denominators, &ratios}) values->resize(kHrnnScales * n);
  log_step.resize(n);
  norms.resize(shape.tensors());
  inputs1.resize(shape.tensors() * kHrnnInputs1);
  inputs2.resize(kHrnnInputs2);
  resize_cell(cell0, n * kHrnnUnits0);
  resize_cell(cell1, shape.tensors() * kHrnnUnits1);
  resize_cell(cell2, kHrnnUnits2);
}

template <typename Real>
int64_t HrnnActivations<Real>::Bytes() const {
  size_t count = 0;
  for (const auto* values : {&features, &denominators, &ratios, &direction, &log_step, &step, &norms, &inputs1,
                             &inputs2, &cell0.reset, &cell0.update, &cell0.candidate, &cell1.reset, &cell1.update,
                             &cell1.candidate, &cell2.reset, &cell2.update, &cell2.candidate}) {
    count += values->size();
  }
  return static_cast<int64_t>(count * sizeof(Real));
}

template <typename Real>
void HrnnReferenceStep(const HrnnShape& shape, const Real* theta, const Real* gradient, BasicHrnnState<Real>* state,
                       Real* parameters, HrnnActivations<Real>* activations) {
  ReferenceStep<Real>(shape, theta, gradient, state, parameters, activations).Run();
}

template <typename Real>
bool HrnnScaleIsFresh(const HrnnShape& shape, int tensor, int scale, const BasicHrnnState<Real>& old) {
  const Real* values = &old.mean_square[scale * shape.parameters + shape.first[tensor]];
  return std::all_of(values, values + shape.sizes[tensor], [](Real value) { return value == 0; });
}

template struct HrnnActivations<float>;
template struct HrnnActivations<double>;
template void HrnnReferenceStep(const HrnnShape&, const float*, const float*, HrnnState*, float*,
                                HrnnActivations<float>*);
template void HrnnReferenceStep(const HrnnShape&, const double*, const double*, BasicHrnnState<double>*, double*,
                                HrnnActivations<double>*);
template bool HrnnScaleIsFresh(const HrnnShape&, int, int, const HrnnState&);
template bool HrnnScaleIsFresh(const HrnnShape&, int, int, const BasicHrnnState<double>&);

}  // namespace seedcast
