#include "worker/tasks/learned_optimizer/hrnn_adjoint.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "worker/tasks/learned_optimizer/hrnn_adjoint_cells.h"
#include "worker/tasks/learned_optimizer/hrnn_adjoint_parameters.h"
#include "worker/tasks/learned_optimizer/hrnn_vector.h"

namespace seedcast {
namespace {

// Arrays of a state in the order of a record.
template <typename State>
auto Arrays(State& state) {
  return std::array{&state.h0,          &state.scale_decay, &state.input_decay, &state.log_learning_rate,
                    &state.accumulator, &state.mean_square, &state.h1,          &state.h2};
}

}  // namespace

int64_t HrnnRecordSize(int64_t parameters, int64_t tensors) {
  constexpr int64_t kOfParameter = kHrnnUnits0 + 3 + 2 * kHrnnScales + 1;
  return kOfParameter * parameters + kHrnnUnits1 * tensors + kHrnnUnits2;
}

template <typename Real>
class BasicHrnnAdjoint<Real>::Impl {
 public:
  Impl(absl::Span<const int64_t> tensor_sizes, const HrnnOptions& options)
      : shape(tensor_sizes, options),
        theta(kHrnnParameters),
        weights_(theta.data()),
        moved_(shape.parameters),
        step_(shape),
        parameters_(shape, weights_, step_) {}

  void SetTheta(absl::Span<const Real> values) {
    std::copy(values.begin(), values.end(), theta.begin());
    if constexpr (std::is_same_v<Real, float>) packed_.Pack(theta.data());
  }

  // From what the step left to what it found: the global cell, then each tensor's cell and parameters; at the end what
  // all of them owe to the old global state and to the mean log learning rate.
  void StepBackward(const Real* record, const Real* d_parameters, BasicHrnnState<Real>* state_adjoint,
                    Real* gradient_adjoint, double* theta_adjoint) {
    StepAgain(record);
    Pass pass{.d_parameters = d_parameters,
              .d_state = *state_adjoint,
              .d_gradient = gradient_adjoint,
              .d_weights = HrnnWeights<double>(theta_adjoint)};
    Cell2(pass);
    for (int t = 0; t < shape.tensors(); ++t) {
      Cell1(pass, t);
      parameters_.WalkBack(pass, t);
    }
    const Real share = pass.d_mean_log_rate / static_cast<Real>(shape.parameters);
    for (Real& value : pass.d_state.log_learning_rate) value += share;
    const Real* h2 = step_.before.h2.data();
    AffineBackward(weights_.parameter_from_global, pass.d_weights.parameter_from_global, h2, kHrnnUnits2,
                   3 * kHrnnUnits0, pass.extra0, pass.d_state.h2.data());
    AffineBackward(weights_.tensor_from_global, pass.d_weights.tensor_from_global, h2, kHrnnUnits2, 3 * kHrnnUnits1,
                   pass.extra1, pass.d_state.h2.data());
  }

  int64_t Bytes() const {
    return packed_.Bytes() + step_.before.Bytes() + step_.after.Bytes() + step_.activations.Bytes() +
           parameters_.Bytes() + static_cast<int64_t>((theta.size() + moved_.size()) * sizeof(Real));
  }

  const HrnnShape shape;
  std::vector<Real> theta;

 private:
  using Pass = HrnnAdjointPass<Real>;

  // Takes the recorded step anew.
  void StepAgain(const Real* record) {
    for (auto* values : Arrays(step_.before)) {
      std::copy_n(record, values->size(), values->begin());
      record += values->size();
    }
    step_.gradient = record;
    step_.after = step_.before;
    if constexpr (std::is_same_v<Real, float>) {
      StepWithKernels(BestHrnnKernels(), shape, packed_, record, &step_.after, moved_.data(), &step_.activations,
                      /*recorded=*/true);
    } else {
      HrnnReferenceStep(shape, theta.data(), record, &step_.after, moved_.data(), &step_.activations);
    }
  }

  // (8): leaves d_inputs2.
  void Cell2(Pass& pass) {
    Real extra[3 * kHrnnUnits2];
    const auto& cell = step_.activations.cell2;
    CellBackward<kHrnnInputs2, kHrnnUnits2>(
        weights_.global_cell, pass.d_weights.global_cell, step_.activations.inputs2.data(), step_.before.h2.data(),
        cell.reset.data(), cell.update.data(), cell.candidate.data(), pass.d_state.h2.data(), pass.d_inputs2, extra);
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
    const auto& cell = step_.activations.cell1;
    CellBackward<kHrnnInputs1, kHrnnUnits1>(
        weights_.tensor_cell, pass.d_weights.tensor_cell, &step_.activations.inputs1[t * kHrnnInputs1],
        &step_.before.h1[at], &cell.reset[at], &cell.update[at], &cell.candidate[at], d_h1, pass.d_inputs1, extra);
    for (int j = 0; j < 3 * kHrnnUnits1; ++j) pass.extra1[j] += extra[j];
    for (Real& value : pass.d_inputs1) value /= static_cast<Real>(shape.sizes[t]);
  }

  const HrnnWeights<const Real> weights_;
  HrnnPacked packed_;        // for float, whose step the kernels repeat
  std::vector<Real> moved_;  // (n), nobody reads them
  HrnnTakenStep<Real> step_;
  HrnnParameterAdjoint<Real> parameters_;
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
  return HrnnRecordSize(impl_->shape.parameters, impl_->shape.tensors());
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
