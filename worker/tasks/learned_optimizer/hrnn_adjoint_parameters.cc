#include "worker/tasks/learned_optimizer/hrnn_adjoint_parameters.h"

#include <algorithm>
#include <cmath>

#include "common/math/elementary.h"
#include "worker/tasks/learned_optimizer/hrnn_adjoint_cells.h"

namespace seedcast {
namespace {

// Parameters that one pass works on: their rows stay in the first-level cache, and loops over them are vectors.
constexpr int64_t kBlock = 64;

}  // namespace

template <typename Real>
HrnnParameterAdjoint<Real>::HrnnParameterAdjoint(const HrnnShape& shape, const HrnnWeights<const Real>& weights,
                                                 const HrnnTakenStep<Real>& step)
    : shape_(shape),
      weights_(weights),
      step_(step),
      n_(shape.parameters),
      d_features_(kHrnnFeatures * n_),
      d_sums_(kSums * n_) {
  for (auto* rows : {&d_h0_, &reset_h0_, &d_reset_h0_}) rows->resize(kHrnnUnits0 * n_);
}

template <typename Real>
int64_t HrnnParameterAdjoint<Real>::Bytes() const {
  const size_t values = d_h0_.size() + reset_h0_.size() + d_reset_h0_.size() + d_features_.size() + d_sums_.size();
  return static_cast<int64_t>(values * sizeof(Real));
}

template <typename Real>
void HrnnParameterAdjoint<Real>::WalkBack(Pass& pass, int t) {
  Direction(pass, t);
  const int64_t first = shape_.first[t], last = first + shape_.sizes[t];
  for (int64_t p = first; p < last; p += kBlock) {
    const int64_t count = std::min(kBlock, last - p);
    ReadOuts(pass, p, count);
    Cell0(pass, p, count);
  }
  Features(pass, t);
  WeightGradients(pass, t);
}

// (9), (12) and the step of (11): leaves the rows kDirection and kRate of d_sums_.
template <typename Real>
void HrnnParameterAdjoint<Real>::Direction(Pass& pass, int t) {
  const int64_t first = shape_.first[t], count = shape_.sizes[t];
  const Real norm = step_.activations.norms[t];
  const Real* u = &step_.activations.direction[first];
  const Real* step = &step_.activations.step[first];
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
    d_y += d_rate[i] * (step_.before.log_learning_rate[first + i] - step_.activations.log_step[first + i]);
    d_log_step[i] = std::fma(1 - y, d_rate[i], d_log_step[i]);
    d_rate[i] = std::fma(y, d_rate[i], d_log_step[i]);
  }
  *pass.d_weights.learning_rate_momentum += d_y * y * (1 - y);
}

// (9) to (11) back to the new h0 and the scaled gradients, with what the tensor's cell saw of h0 and x.
template <typename Real>
void HrnnParameterAdjoint<Real>::ReadOuts(Pass& pass, int64_t p, int64_t count) {
  const auto decay = [&](int row, const std::vector<Real>& value, const std::vector<Real>& d_value) {
    Real* sum = &d_sums_[row * n_ + p];
    for (int64_t i = 0; i < count; ++i) sum[i] = d_value[p + i] * value[p + i] * (1 - value[p + i]);
  };
  decay(kScaleDecay, step_.after.scale_decay, pass.d_state.scale_decay);
  decay(kInputDecay, step_.after.input_decay, pass.d_state.input_decay);
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
template <typename Real>
void HrnnParameterAdjoint<Real>::Cell0(Pass& pass, int64_t p, int64_t count) {
  const auto& cell = step_.activations.cell0;
  const auto row = [&](auto& values, int j) { return &values[j * n_ + p]; };
  for (int j = 0; j < kHrnnUnits0; ++j) {
    const Real *h = row(step_.before.h0, j), *r = row(cell.reset, j), *u = row(cell.update, j),
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
    const Real *h = row(step_.before.h0, j), *r = row(cell.reset, j), *d_reset_h0 = row(d_reset_h0_, j);
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
template <typename Real>
void HrnnParameterAdjoint<Real>::Features(Pass& pass, int t) {
  Real keep[kHrnnScales];  // 0 where (3) took s = 0
  for (int i = 0; i < kHrnnScales; ++i) keep[i] = HrnnScaleIsFresh(shape_, t, i, step_.before) ? 0 : 1;
  const int64_t first = shape_.first[t], last = first + shape_.sizes[t];
  for (int64_t p = first; p < last; ++p) FeaturesOf(pass, p, keep);
  pass.d_mean_log_rate -= Sum(&d_features_[11 * n_ + first], last - first);
}

template <typename Real>
void HrnnParameterAdjoint<Real>::FeaturesOf(Pass& pass, int64_t p, const Real (&keep)[kHrnnScales]) {
  const Real* x = &step_.activations.features[p];
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
  decays[0] = step_.before.input_decay[p];
  for (int i = 1; i < kHrnnScales; ++i) decays[i] = std::sqrt(decays[i - 1]);
  Real d_scale_decay = 0, d_gradient = 0, d_decay = 0;
  for (int i = kHrnnScales - 1; i >= 0; --i) {
    const int64_t at = i * n_ + p;
    const Real s = keep[i] * step_.before.scale_decay[p];
    const Real a = step_.after.accumulator[at], ratio = step_.activations.ratios[at],
               root = step_.activations.denominators[at];
    const Real d_ratio = d_scaled[i] / std::sqrt(std::fma(ratio, ratio, Real{1}));
    const Real d_log = dx[(7 + i) * n_] - d_mean;
    const Real square = root * root;
    const Real d_mean_square = pass.d_state.mean_square[at] + (d_log - Real{0.5} * d_ratio * ratio) / square;
    const Real d_a = pass.d_state.accumulator[at] + d_ratio / root + d_mean_square * (1 - s) * 2 * a;
    d_scale_decay +=
        keep[i] * d_mean_square * (step_.before.mean_square[at] - std::fma(a, a, static_cast<Real>(kHrnnSquareFloor)));
    pass.d_state.mean_square[at] = d_mean_square * s;
    pass.d_state.accumulator[at] = d_a * decays[i];
    d_gradient = std::fma(d_a, 1 - decays[i], d_gradient);
    d_decay = std::fma(d_a, step_.before.accumulator[at] - step_.gradient[p], d_decay);
    if (i > 0) d_decay = decays[i] == 0 ? 0 : d_decay * Real{0.5} / decays[i];
  }
  pass.d_state.scale_decay[p] = d_scale_decay;
  pass.d_state.input_decay[p] = d_decay;
  pass.d_gradient[p] = d_gradient;
}

// Sums over the tensor's parameters of input times adjoint, and what is added to the cell's biases.
template <typename Real>
void HrnnParameterAdjoint<Real>::WeightGradients(Pass& pass, int t) {
  const int64_t first = shape_.first[t], count = shape_.sizes[t];
  const auto sum = [&](int j) { return &d_sums_[j * n_ + first]; };
  const auto add = [&](const Real* input, int row, int outputs, double* gradients) {
    AddDots(input, sum(row), n_, outputs, count, gradients);
  };
  auto& cell = pass.d_weights.parameter_cell;
  for (int k = 0; k < kHrnnInputs0 + kHrnnUnits0; ++k) {
    const bool feature = k < kHrnnInputs0;
    const int64_t hidden = (k - kHrnnInputs0) * n_ + first;
    const Real* x = feature ? &step_.activations.features[k * n_ + first] : nullptr;
    add(feature ? x : &step_.before.h0[hidden], kReset, 2 * kHrnnUnits0, cell.gates.weights + k * 2 * kHrnnUnits0);
    add(feature ? x : &reset_h0_[hidden], kCandidate, kHrnnUnits0, cell.candidate.weights + k * kHrnnUnits0);
  }
  for (int j = 0; j < kHrnnUnits0; ++j) {
    const Real* h0 = &step_.after.h0[j * n_ + first];
    add(h0, kDirection, 1, pass.d_weights.direction_hidden + j);
    add(h0, kScaleDecay, 1, pass.d_weights.scale_decay.weights + j);
    add(h0, kInputDecay, 1, pass.d_weights.input_decay.weights + j);
    add(h0, kRate, 1, pass.d_weights.learning_rate.weights + j);
  }
  for (int i = 0; i < kHrnnScales; ++i) {
    add(&step_.activations.features[i * n_ + first], kDirection, 1, pass.d_weights.direction_gradient + i);
  }
  *pass.d_weights.scale_decay.biases += Sum(sum(kScaleDecay), count);
  *pass.d_weights.input_decay.biases += Sum(sum(kInputDecay), count);
  *pass.d_weights.learning_rate.biases += Sum(sum(kRate), count);
  Extra0(pass, t);
}

template <typename Real>
void HrnnParameterAdjoint<Real>::Extra0(Pass& pass, int t) {
  Real extra[3 * kHrnnUnits0];
  auto& cell = pass.d_weights.parameter_cell;
  for (int j = 0; j < 3 * kHrnnUnits0; ++j) {
    extra[j] = Sum(&d_sums_[j * n_ + shape_.first[t]], shape_.sizes[t]);
    (j < kCandidate ? cell.gates.biases[j] : cell.candidate.biases[j - kCandidate]) += extra[j];
    pass.extra0[j] += extra[j];
  }
  AffineBackward(weights_.parameter_from_tensor, pass.d_weights.parameter_from_tensor,
                 &step_.before.h1[t * kHrnnUnits1], kHrnnUnits1, 3 * kHrnnUnits0, extra,
                 &pass.d_state.h1[t * kHrnnUnits1]);
}

template class HrnnParameterAdjoint<float>;
template class HrnnParameterAdjoint<double>;

}  // namespace seedcast
