#include "worker/tasks/learned_optimizer/hrnn_adjoint.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "common/math/elementary.h"
#include "worker/tasks/learned_optimizer/hrnn_vector.h"

namespace seedcast {
namespace {

// Parameters that one pass works on: their rows stay in the first-level cache, and loops over them are vectors.
constexpr int64_t kBlock = 64;

// sums[c] += sum over i of a[i] b[c * stride + i], in 16 lanes.
void AddDots(const float* a, const float* b, int64_t stride, int columns, int64_t count, double* sums) {
  BestHrnnKernels().add_dots(a, b, stride, columns, count, sums);
}
void AddDots(const double* a, const double* b, int64_t stride, int columns, int64_t count, double* sums) {
  for (int c = 0; c < columns; ++c) {
    double lanes[kHrnnLanes] = {};
    for (int64_t i = 0; i < count; ++i) {
      lanes[i % kHrnnLanes] = std::fma(a[i], b[c * stride + i], lanes[i % kHrnnLanes]);
    }
    sums[c] += LaneTree(lanes);
  }
}

template <typename Real>
Real Sum(const Real* a, int64_t count) {
  Real lanes[kHrnnLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i % kHrnnLanes] += a[i];
  return LaneTree(lanes);
}

// y[i] += sum over r of weights[r] rows[r * stride + i]
void AddRows(const float* weights, const float* rows, int64_t stride, int count_rows, int64_t count, float* y) {
  BestHrnnKernels().add_rows(weights, rows, stride, count_rows, count, y);
}
void AddRows(const double* weights, const double* rows, int64_t stride, int count_rows, int64_t count, double* y) {
  for (int r = 0; r < count_rows; ++r) {
    for (int64_t i = 0; i < count; ++i) y[i] = std::fma(weights[r], rows[r * stride + i], y[i]);
  }
}

// y += w x
template <typename Real>
void AddScaled(Real w, const Real* x, int64_t count, Real* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = std::fma(w, x[i], y[i]);
}

// sum over j of a[j] b[j] in ten lanes: the outputs of every affine map here are a multiple of ten.
template <typename Real>
Real RowDot(const Real* a, const Real* b, int outputs) {
  Real lanes[10] = {};
  for (int j = 0; j < outputs; j += 10) {
    for (int l = 0; l < 10; ++l) lanes[l] += a[j + l] * b[j + l];
  }
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7])) +
         (lanes[8] + lanes[9]);
}

// Of y = x W + b: dx += dy W^T, and the gradients of W and b.
template <typename Real>
void AffineBackward(const HrnnAffine<const Real>& affine, const HrnnAffine<double>& gradient, const Real* x, int inputs,
                    int outputs, const Real* dy, Real* dx) {
  for (int k = 0; k < inputs; ++k) {
    const Real* row = affine.weights + k * outputs;
    double* d_row = gradient.weights + k * outputs;
    dx[k] += RowDot(dy, row, outputs);
    for (int j = 0; j < outputs; ++j) d_row[j] += x[k] * dy[j];
  }
  for (int j = 0; j < outputs; ++j) gradient.biases[j] += dy[j];
}

// Of a tensor's or the global cell. dh: (units), adjoint of the new h, becomes that of the old one; dx: (inputs), added
// to; extra: (3 units), written, the adjoint of what is added to the biases.
template <int kInputs, int kUnits, typename Real>
void CellBackward(const HrnnCell<const Real>& cell, const HrnnCell<double>& gradient, const Real* x, const Real* h,
                  const Real* reset, const Real* update, const Real* candidate, Real* dh, Real* dx, Real* extra) {
  Real inputs[kInputs + kUnits], adjoint[kInputs + kUnits] = {};
  std::copy_n(x, kInputs, inputs);
  for (int j = 0; j < kUnits; ++j) {
    inputs[kInputs + j] = reset[j] * h[j];
    extra[kUnits + j] = dh[j] * (h[j] - candidate[j]) * update[j] * (1 - update[j]);
    extra[2 * kUnits + j] = dh[j] * (1 - update[j]) * (1 - candidate[j] * candidate[j]);
    dh[j] *= update[j];
  }
  AffineBackward(cell.candidate, gradient.candidate, inputs, kInputs + kUnits, kUnits, extra + 2 * kUnits, adjoint);
  for (int j = 0; j < kUnits; ++j) {
    extra[j] = adjoint[kInputs + j] * h[j] * reset[j] * (1 - reset[j]);
    dh[j] = std::fma(adjoint[kInputs + j], reset[j], dh[j]);
    inputs[kInputs + j] = h[j];
    adjoint[kInputs + j] = 0;
  }
  AffineBackward(cell.gates, gradient.gates, inputs, kInputs + kUnits, 2 * kUnits, extra, adjoint);
  for (int k = 0; k < kInputs; ++k) dx[k] += adjoint[k];
  for (int j = 0; j < kUnits; ++j) dh[j] += adjoint[kInputs + j];
}

// Arrays of a state in the order of a record.
template <typename State>
auto Arrays(State& state) {
  return std::array{&state.h0,          &state.scale_decay, &state.input_decay, &state.log_learning_rate,
                    &state.accumulator, &state.mean_square, &state.h1,          &state.h2};
}

}  // namespace

template <typename Real>
class BasicHrnnAdjoint<Real>::Impl {
 public:
  Impl(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options)
      : shape(tensor_sizes, options),
        theta(kHrnnParameters),
        n_(shape.parameters),
        weights_(theta.data()),
        moved_(n_),
        activations_(shape) {
    before_.Resize(n_, shape.tensors());
    for (auto* rows : {&d_h0_, &reset_h0_, &d_reset_h0_}) rows->resize(kHrnnUnits0 * n_);
    d_features_.resize(kHrnnFeatures * n_);
    d_sums_.resize(kSums * n_);
  }

  void StepBackward(const Real* record, const Real* d_parameters, BasicHrnnState<Real>* state_adjoint,
                    Real* gradient_adjoint, double* theta_adjoint) {
    StepAgain(record);
    Pass pass{.d_parameters = d_parameters,
              .d_state = *state_adjoint,
              .d_gradient = gradient_adjoint,
              .d_weights = HrnnWeights<double>(theta_adjoint)};
    Global(pass);
    for (int t = 0; t < shape.tensors(); ++t) Tensor(pass, t);
    const Real share = pass.d_mean_log_rate / static_cast<Real>(n_);
    for (Real& value : pass.d_state.log_learning_rate) value += share;
    AffineBackward(weights_.parameter_from_global, pass.d_weights.parameter_from_global, before_.h2.data(), kHrnnUnits2,
                   3 * kHrnnUnits0, pass.extra0, pass.d_state.h2.data());
    AffineBackward(weights_.tensor_from_global, pass.d_weights.tensor_from_global, before_.h2.data(), kHrnnUnits2,
                   3 * kHrnnUnits1, pass.extra1, pass.d_state.h2.data());
  }

  int64_t Bytes() const {
    const size_t values = theta.size() + moved_.size() + d_h0_.size() + reset_h0_.size() + d_reset_h0_.size() +
                          d_features_.size() + d_sums_.size();
    return packed_.Bytes() + before_.Bytes() + after_.Bytes() + activations_.Bytes() +
           static_cast<int64_t>(values * sizeof(Real));
  }

  void SetTheta(absl::Span<const Real> values) {
    std::copy(values.begin(), values.end(), theta.begin());
    if constexpr (std::is_same_v<Real, float>) packed_.Pack(theta.data());
  }

  const HrnnShape shape;
  std::vector<Real> theta;

 private:
  // Rows of d_sums_: adjoints of what goes into the nonlinearities of a parameter.
  static constexpr int kReset = 0, kUpdate = kHrnnUnits0, kCandidate = 2 * kHrnnUnits0, kDirection = 3 * kHrnnUnits0;
  static constexpr int kScaleDecay = kDirection + 1, kInputDecay = kDirection + 2, kRate = kDirection + 3;
  static constexpr int kSums = kDirection + 4;

  // One call of StepBackward.
  struct Pass {
    const Real* d_parameters;
    BasicHrnnState<Real>& d_state;
    Real* d_gradient;
    HrnnWeights<double> d_weights;
    Real d_inputs2[kHrnnInputs2] = {};
    Real d_inputs1[kHrnnInputs1] = {};
    Real extra0[3 * kHrnnUnits0] = {};  // sums over tensors
    Real extra1[3 * kHrnnUnits1] = {};
    Real d_mean_log_rate = 0;
  };

  void StepAgain(const Real* record) {
    for (auto* values : Arrays(before_)) {
      std::copy_n(record, values->size(), values->begin());
      record += values->size();
    }
    gradient_ = record;
    after_ = before_;
    if constexpr (std::is_same_v<Real, float>) {
      StepWithKernels(BestHrnnKernels(), shape, packed_, gradient_, &after_, moved_.data(), &activations_,
                      /*recorded=*/true);
    } else {
      HrnnReferenceStep(shape, theta.data(), gradient_, &after_, moved_.data(), &activations_);
    }
  }

  void Global(Pass& pass) {
    Real extra[3 * kHrnnUnits2];
    const auto& cell = activations_.cell2;
    CellBackward<kHrnnInputs2, kHrnnUnits2>(
        weights_.global_cell, pass.d_weights.global_cell, activations_.inputs2.data(), before_.h2.data(),
        cell.reset.data(), cell.update.data(), cell.candidate.data(), pass.d_state.h2.data(), pass.d_inputs2, extra);
  }

  void Tensor(Pass& pass, int t) {
    Cell1(pass, t);
    Direction(pass, t);
    const int64_t first = shape.first[t], last = first + shape.sizes[t];
    for (int64_t p = first; p < last; p += kBlock) {
      const int64_t count = std::min(kBlock, last - p);
      ReadOuts(pass, p, count);
      Cell0(pass, p, count);
    }
    Features(pass, t);
    WeightGradients(pass, t);
  }

  // (7): leaves d_inputs1.
  void Cell1(Pass& pass, int t) {
    Real* d_h1 = &pass.d_state.h1[t * kHrnnUnits1];
    const bool last = t + 1 == shape.tensors();
    for (int j = 0; j < kHrnnUnits1; ++j) {
      if (!shape.global_from_last_tensor) {
        d_h1[j] += pass.d_inputs2[j] / static_cast<Real>(shape.tensors());
      } else if (last) {
        d_h1[j] += pass.d_inputs2[j];
      }
    }
    Real extra[3 * kHrnnUnits1];
    std::fill_n(pass.d_inputs1, kHrnnInputs1, Real{0});
    const int at = t * kHrnnUnits1;
    const auto& cell = activations_.cell1;
    CellBackward<kHrnnInputs1, kHrnnUnits1>(weights_.tensor_cell, pass.d_weights.tensor_cell,
                                            &activations_.inputs1[t * kHrnnInputs1], &before_.h1[at], &cell.reset[at],
                                            &cell.update[at], &cell.candidate[at], d_h1, pass.d_inputs1, extra);
    for (int j = 0; j < 3 * kHrnnUnits1; ++j) pass.extra1[j] += extra[j];
    for (Real& value : pass.d_inputs1) value /= static_cast<Real>(shape.sizes[t]);
  }

  // (9), (12) and the step of (11): leaves the rows kDirection and kRate of d_sums_.
  void Direction(Pass& pass, int t) {
    const int64_t first = shape.first[t], count = shape.sizes[t];
    const Real norm = activations_.norms[t];
    const Real* u = &activations_.direction[first];
    const Real* step = &activations_.step[first];
    const Real* d_p = pass.d_parameters + first;
    Real* du = &d_sums_[kDirection * n_ + first];
    Real* d_log_step = &d_sums_[kRate * n_ + first];
    for (int64_t i = 0; i < count; ++i) {
      du[i] = -d_p[i] * step[i] / norm;
      d_log_step[i] = du[i] * u[i];
    }
    const Real total = Sum(d_log_step, count);
    *pass.d_weights.learning_rate_offset += total;
    const Real along = total / (norm * norm * static_cast<Real>(count));
    for (int64_t i = 0; i < count; ++i) du[i] -= along * u[i];

    // l <- y l + (1 - y) k, and the clip as the identity.
    const Real y = Sigmoid(*weights_.learning_rate_momentum);
    Real* d_rate = &pass.d_state.log_learning_rate[first];
    Real d_y = 0;
    for (int64_t i = 0; i < count; ++i) {
      d_y += d_rate[i] * (before_.log_learning_rate[first + i] - activations_.log_step[first + i]);
      d_log_step[i] = std::fma(1 - y, d_rate[i], d_log_step[i]);
      d_rate[i] = std::fma(y, d_rate[i], d_log_step[i]);
    }
    *pass.d_weights.learning_rate_momentum += d_y * y * (1 - y);
  }

  // (9) to (11) back to the new h0 and the scaled gradients, with what the tensor's cell saw of h0 and x.
  void ReadOuts(Pass& pass, int64_t p, int64_t count) {
    const auto decay = [&](int row, const std::vector<Real>& value, const std::vector<Real>& d_value) {
      Real* sum = &d_sums_[row * n_ + p];
      for (int64_t i = 0; i < count; ++i) sum[i] = d_value[p + i] * value[p + i] * (1 - value[p + i]);
    };
    decay(kScaleDecay, after_.scale_decay, pass.d_state.scale_decay);
    decay(kInputDecay, after_.input_decay, pass.d_state.input_decay);
    for (int j = 0; j < kHrnnUnits0; ++j) {
      Real* d_h0 = &d_h0_[j * n_ + p];
      const Real* d_later = &pass.d_state.h0[j * n_ + p];
      for (int64_t i = 0; i < count; ++i) d_h0[i] = d_later[i] + pass.d_inputs1[j];
      AddScaled(weights_.direction_hidden[j], &d_sums_[kDirection * n_ + p], count, d_h0);
      AddScaled(weights_.scale_decay.weights[j], &d_sums_[kScaleDecay * n_ + p], count, d_h0);
      AddScaled(weights_.input_decay.weights[j], &d_sums_[kInputDecay * n_ + p], count, d_h0);
      AddScaled(weights_.learning_rate.weights[j], &d_sums_[kRate * n_ + p], count, d_h0);
    }
    for (int k = 0; k < kHrnnFeatures; ++k) {
      Real* d_x = &d_features_[k * n_ + p];
      std::fill_n(d_x, count, pass.d_inputs1[kHrnnUnits0 + k]);
      if (k < kHrnnScales) AddScaled(weights_.direction_gradient[k], &d_sums_[kDirection * n_ + p], count, d_x);
    }
  }

  // (6): d_h0_ becomes the adjoint of the old h0, in the state's.
  void Cell0(Pass& pass, int64_t p, int64_t count) {
    const auto& cell = activations_.cell0;
    const auto row = [&](auto& values, int j) { return &values[j * n_ + p]; };
    for (int j = 0; j < kHrnnUnits0; ++j) {
      const Real *h = row(before_.h0, j), *r = row(cell.reset, j), *u = row(cell.update, j),
                 *c = row(cell.candidate, j), *d = row(d_h0_, j);
      Real *d_update = row(d_sums_, kUpdate + j), *d_candidate = row(d_sums_, kCandidate + j),
           *d_old = row(pass.d_state.h0, j), *reset_h0 = row(reset_h0_, j), *d_reset_h0 = row(d_reset_h0_, j);
      for (int64_t i = 0; i < count; ++i) {
        reset_h0[i] = r[i] * h[i];
        d_update[i] = d[i] * (h[i] - c[i]) * u[i] * (1 - u[i]);
        d_candidate[i] = d[i] * (1 - u[i]) * (1 - c[i] * c[i]);
        d_old[i] = d[i] * u[i];
        d_reset_h0[i] = 0;
      }
    }
    const auto input_row = [&](int k, std::vector<Real>& d_hidden) {
      return k < kHrnnInputs0 ? row(d_features_, k) : row(d_hidden, k - kHrnnInputs0);
    };
    for (int k = 0; k < kHrnnInputs0 + kHrnnUnits0; ++k) {
      Real* d_input = input_row(k, d_reset_h0_);
      const Real* w = weights_.parameter_cell.candidate.weights + k * kHrnnUnits0;
      AddRows(w, row(d_sums_, kCandidate), n_, kHrnnUnits0, count, d_input);
    }
    for (int j = 0; j < kHrnnUnits0; ++j) {
      const Real *h = row(before_.h0, j), *r = row(cell.reset, j), *d_reset_h0 = row(d_reset_h0_, j);
      Real *d_reset = row(d_sums_, kReset + j), *d_old = row(pass.d_state.h0, j);
      for (int64_t i = 0; i < count; ++i) {
        d_reset[i] = d_reset_h0[i] * h[i] * r[i] * (1 - r[i]);
        d_old[i] = std::fma(d_reset_h0[i], r[i], d_old[i]);
      }
    }
    for (int k = 0; k < kHrnnInputs0 + kHrnnUnits0; ++k) {
      Real* d_input = input_row(k, pass.d_state.h0);
      const Real* w = weights_.parameter_cell.gates.weights + k * 2 * kHrnnUnits0;
      AddRows(w, row(d_sums_, kReset), n_, 2 * kHrnnUnits0, count, d_input);
    }
  }

  // (1) to (5) of a tensor.
  void Features(Pass& pass, int t) {
    Real keep[kHrnnScales];  // 0 where (3) took s = 0
    for (int i = 0; i < kHrnnScales; ++i) keep[i] = HrnnScaleIsFresh(shape, t, i, before_) ? 0 : 1;
    const int64_t first = shape.first[t], last = first + shape.sizes[t];
    for (int64_t p = first; p < last; ++p) FeaturesOf(pass, p, keep);
    pass.d_mean_log_rate -= Sum(&d_features_[11 * n_ + first], last - first);
  }

  void FeaturesOf(Pass& pass, int64_t p, const Real (&keep)[kHrnnScales]) {
    const Real* x = &activations_.features[p];
    const Real* dx = &d_features_[p];
    pass.d_state.log_learning_rate[p] += dx[11 * n_];
    Real d_scaled[kHrnnScales];
    for (int i = 0; i < kHrnnScales; ++i) d_scaled[i] = dx[i * n_];
    for (int i = 0; i < 3; ++i) {
      d_scaled[i] = std::fma(dx[(4 + i) * n_], x[(i + 1) * n_], d_scaled[i]);
      d_scaled[i + 1] = std::fma(dx[(4 + i) * n_], x[i * n_], d_scaled[i + 1]);
    }
    const Real d_mean = ((dx[7 * n_] + dx[8 * n_]) + (dx[9 * n_] + dx[10 * n_])) * Real{0.25};
    Real decays[kHrnnScales];
    decays[0] = before_.input_decay[p];
    for (int i = 1; i < kHrnnScales; ++i) decays[i] = std::sqrt(decays[i - 1]);
    Real d_scale_decay = 0, d_gradient = 0, d_decay = 0;
    for (int i = kHrnnScales - 1; i >= 0; --i) {
      const int64_t at = i * n_ + p;
      const Real s = keep[i] * before_.scale_decay[p];
      const Real a = after_.accumulator[at], ratio = activations_.ratios[at], root = activations_.denominators[at];
      const Real d_ratio = d_scaled[i] / std::sqrt(std::fma(ratio, ratio, Real{1}));
      const Real d_log = dx[(7 + i) * n_] - d_mean;
      const Real square = root * root;
      const Real d_mean_square = pass.d_state.mean_square[at] + (d_log - Real{0.5} * d_ratio * ratio) / square;
      const Real d_a = pass.d_state.accumulator[at] + d_ratio / root + d_mean_square * (1 - s) * 2 * a;
      d_scale_decay +=
          keep[i] * d_mean_square * (before_.mean_square[at] - std::fma(a, a, static_cast<Real>(kHrnnSquareFloor)));
      pass.d_state.mean_square[at] = d_mean_square * s;
      pass.d_state.accumulator[at] = d_a * decays[i];
      d_gradient = std::fma(d_a, 1 - decays[i], d_gradient);
      d_decay = std::fma(d_a, before_.accumulator[at] - gradient_[p], d_decay);
      if (i > 0) d_decay = decays[i] == 0 ? 0 : d_decay * Real{0.5} / decays[i];
    }
    pass.d_state.scale_decay[p] = d_scale_decay;
    pass.d_state.input_decay[p] = d_decay;
    pass.d_gradient[p] = d_gradient;
  }

  // Sums over the tensor's parameters of input times adjoint, and what is added to the cell's biases.
  void WeightGradients(Pass& pass, int t) {
    const int64_t first = shape.first[t], count = shape.sizes[t];
    const auto sum = [&](int j) { return &d_sums_[j * n_ + first]; };
    const auto add = [&](const Real* input, int row, int outputs, double* gradients) {
      AddDots(input, sum(row), n_, outputs, count, gradients);
    };
    auto& cell = pass.d_weights.parameter_cell;
    for (int k = 0; k < kHrnnInputs0 + kHrnnUnits0; ++k) {
      const bool feature = k < kHrnnInputs0;
      const int64_t hidden = (k - kHrnnInputs0) * n_ + first;
      const Real* x = feature ? &activations_.features[k * n_ + first] : nullptr;
      add(feature ? x : &before_.h0[hidden], kReset, 2 * kHrnnUnits0, cell.gates.weights + k * 2 * kHrnnUnits0);
      add(feature ? x : &reset_h0_[hidden], kCandidate, kHrnnUnits0, cell.candidate.weights + k * kHrnnUnits0);
    }
    for (int j = 0; j < kHrnnUnits0; ++j) {
      const Real* h0 = &after_.h0[j * n_ + first];
      add(h0, kDirection, 1, pass.d_weights.direction_hidden + j);
      add(h0, kScaleDecay, 1, pass.d_weights.scale_decay.weights + j);
      add(h0, kInputDecay, 1, pass.d_weights.input_decay.weights + j);
      add(h0, kRate, 1, pass.d_weights.learning_rate.weights + j);
    }
    for (int i = 0; i < kHrnnScales; ++i) {
      add(&activations_.features[i * n_ + first], kDirection, 1, pass.d_weights.direction_gradient + i);
    }
    *pass.d_weights.scale_decay.biases += Sum(sum(kScaleDecay), count);
    *pass.d_weights.input_decay.biases += Sum(sum(kInputDecay), count);
    *pass.d_weights.learning_rate.biases += Sum(sum(kRate), count);
    Extra0(pass, t);
  }

  void Extra0(Pass& pass, int t) {
    Real extra[3 * kHrnnUnits0];
    auto& cell = pass.d_weights.parameter_cell;
    for (int j = 0; j < 3 * kHrnnUnits0; ++j) {
      extra[j] = Sum(&d_sums_[j * n_ + shape.first[t]], shape.sizes[t]);
      (j < kCandidate ? cell.gates.biases[j] : cell.candidate.biases[j - kCandidate]) += extra[j];
      pass.extra0[j] += extra[j];
    }
    AffineBackward(weights_.parameter_from_tensor, pass.d_weights.parameter_from_tensor, &before_.h1[t * kHrnnUnits1],
                   kHrnnUnits1, 3 * kHrnnUnits0, extra, &pass.d_state.h1[t * kHrnnUnits1]);
  }

  const int64_t n_;
  const HrnnWeights<const Real> weights_;
  HrnnPacked packed_;  // for float, whose step the kernels repeat
  BasicHrnnState<Real> before_, after_;
  const Real* gradient_ = nullptr;
  std::vector<Real> moved_;  // (n), nobody reads them
  HrnnActivations<Real> activations_;
  std::vector<Real> d_h0_, reset_h0_, d_reset_h0_;  // (10, n)
  std::vector<Real> d_features_;                    // (12, n)
  std::vector<Real> d_sums_;                        // (34, n)
};

template <typename Real>
BasicHrnnAdjoint<Real>::BasicHrnnAdjoint(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options)
    : impl_(std::make_unique<Impl>(tensor_sizes, options)) {}

template <typename Real>
BasicHrnnAdjoint<Real>::~BasicHrnnAdjoint() = default;

template <typename Real>
void BasicHrnnAdjoint<Real>::SetTheta(absl::Span<const Real> theta) {
  impl_->SetTheta(theta);
}

template <typename Real>
int64_t BasicHrnnAdjoint<Real>::RecordSize() const {
  constexpr int64_t kValues = kHrnnUnits0 + 3 + 2 * kHrnnScales + 1;
  return kValues * impl_->shape.parameters + kHrnnUnits1 * impl_->shape.tensors() + kHrnnUnits2;
}

template <typename Real>
void BasicHrnnAdjoint<Real>::Record(absl::Span<const Real> gradient, const BasicHrnnState<Real>& state,
                                    absl::Span<Real> record) const {
  auto out = record.begin();
  for (const auto* values : Arrays(state)) out = std::copy(values->begin(), values->end(), out);
  std::copy(gradient.begin(), gradient.end(), out);
}

template <typename Real>
void BasicHrnnAdjoint<Real>::StepBackward(absl::Span<const Real> record, absl::Span<const Real> parameters_adjoint,
                                          BasicHrnnState<Real>* state_adjoint, absl::Span<Real> gradient_adjoint,
                                          absl::Span<double> theta_adjoint) {
  impl_->StepBackward(record.data(), parameters_adjoint.data(), state_adjoint, gradient_adjoint.data(),
                      theta_adjoint.data());
}

template <typename Real>
void BasicHrnnAdjoint<Real>::BeginBackward(const BasicHrnnState<Real>& state_adjoint,
                                           absl::Span<double> theta_adjoint) const {
  const HrnnWeights<double> gradient(theta_adjoint.data());
  const int64_t n = impl_->shape.parameters;
  for (int j = 0; j < kHrnnUnits0; ++j) gradient.initial_h0[j] += Sum(&state_adjoint.h0[j * n], n);
  for (size_t i = 0; i < state_adjoint.h1.size(); ++i) gradient.initial_h1[i % kHrnnUnits1] += state_adjoint.h1[i];
  for (int j = 0; j < kHrnnUnits2; ++j) gradient.initial_h2[j] += state_adjoint.h2[j];
}

template <typename Real>
int64_t BasicHrnnAdjoint<Real>::Bytes() const {
  return impl_->Bytes();
}

template class BasicHrnnAdjoint<float>;
template class BasicHrnnAdjoint<double>;

}  // namespace seedcast
