#include "worker/tasks/learned_optimizer/hrnn_adjoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "worker/tasks/learned_optimizer/hrnn_reference.h"

namespace seedcast {
namespace {

using Vector = std::vector<double>;

// theta with every meta-parameter in play: no zeros, gates and decays away from saturation.
Vector LivelyTheta() {
  const std::vector<float> initial = InitialHrnnTheta(3);
  Vector theta(initial.begin(), initial.end());
  std::mt19937_64 generator(5);
  std::normal_distribution<double> normal(0, 0.1);
  for (double& value : theta) value += normal(generator);
  return theta;
}

// A short inner training of f(x) = 0.5 |W x - y|^2, in double, and its loss: the sum of f after every step.
class Unroll {
 public:
  Unroll(std::vector<int64_t> sizes, int steps, bool last_tensor = false)
      : sizes_(std::move(sizes)), options_{last_tensor}, steps_(steps), shape_(sizes_, options_) {
    std::mt19937_64 generator(11);
    std::normal_distribution<double> normal;
    const int64_t n = shape_.parameters;
    w_.resize(n * n);
    y_.resize(n);
    start_.resize(n);
    log_rates_.resize(n);
    for (double& value : w_) value = normal(generator) / std::sqrt(n);
    for (auto* values : {&y_, &start_}) {
      for (double& value : *values) value = normal(generator);
    }
    for (double& value : log_rates_) value = -3 + normal(generator);
  }

  double Loss(const Vector& theta) const { return Run(theta, start_, log_rates_, nullptr); }
  double LossFrom(const Vector& theta, const Vector& start, const Vector& log_rates) const {
    return Run(theta, start, log_rates, nullptr);
  }

  struct Derivatives {
    Vector theta, start, log_rates;
  };
  Derivatives Backward(const Vector& theta) const {
    Tape tape{.adjoint = BasicHrnnAdjoint<double>(sizes_, options_), .records = {}, .points = {}};
    tape.adjoint.SetTheta(theta);
    Run(theta, start_, log_rates_, &tape);
    const int64_t n = shape_.parameters;
    Vector d_theta(kHrnnParameters), d_x(n), d_gradient(n);
    BasicHrnnState<double> d_state;
    d_state.Resize(n, shape_.tensors());
    for (int t = steps_ - 1; t >= 0; --t) {
      AddTo(d_x, Gradient(tape.points[t]));
      tape.adjoint.StepBackward(tape.records[t], d_x, &d_state, absl::MakeSpan(d_gradient), absl::MakeSpan(d_theta));
      AddTo(d_x, Transposed(Times(d_gradient)));  // H = W^T W
    }
    tape.adjoint.BeginBackward(d_state, absl::MakeSpan(d_theta));
    return {d_theta, d_x, d_state.log_learning_rate};
  }

  const Vector& start() const { return start_; }
  const Vector& log_rates() const { return log_rates_; }

 private:
  struct Tape {
    BasicHrnnAdjoint<double> adjoint;
    std::vector<Vector> records;
    std::vector<Vector> points;  // after each step
  };

  static void AddTo(Vector& sum, const Vector& values) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
  }
  Vector Times(const Vector& x) const {
    Vector product(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t j = 0; j < x.size(); ++j) product[i] += w_[i * x.size() + j] * x[j];
    }
    return product;
  }
  Vector Transposed(const Vector& residual) const {
    Vector product(residual.size());
    for (size_t i = 0; i < residual.size(); ++i) {
      for (size_t j = 0; j < residual.size(); ++j) product[j] += w_[i * residual.size() + j] * residual[i];
    }
    return product;
  }
  Vector Residual(const Vector& x) const {
    Vector residual = Times(x);
    for (size_t i = 0; i < residual.size(); ++i) residual[i] -= y_[i];
    return residual;
  }
  Vector Gradient(const Vector& x) const { return Transposed(Residual(x)); }

  double Run(const Vector& theta, Vector x, const Vector& log_rates, Tape* tape) const {
    const HrnnWeights<const double> weights(theta.data());
    const int64_t n = shape_.parameters;
    BasicHrnnState<double> state;
    state.Resize(n, shape_.tensors());
    for (size_t i = 0; i < state.h0.size(); ++i) state.h0[i] = weights.initial_h0[i / n];
    for (size_t i = 0; i < state.h1.size(); ++i) state.h1[i] = weights.initial_h1[i % kHrnnUnits1];
    state.h2.assign(weights.initial_h2, weights.initial_h2 + kHrnnUnits2);
    state.log_learning_rate = log_rates;
    HrnnActivations<double> activations(shape_);
    double loss = 0;
    for (int t = 0; t < steps_; ++t) {
      const Vector gradient = Gradient(x);
      if (tape != nullptr) {
        tape->records.emplace_back(tape->adjoint.RecordSize());
        tape->adjoint.Record(gradient, state, absl::MakeSpan(tape->records.back()));
      }
      HrnnReferenceStep(shape_, theta.data(), gradient.data(), &state, x.data(), &activations);
      if (tape != nullptr) tape->points.push_back(x);
      for (const double r : Residual(x)) loss += 0.5 * r * r;
    }
    return loss;
  }

  const std::vector<int64_t> sizes_;
  const HrnnOptions options_;
  const int steps_;
  const HrnnShape shape_;
  Vector w_, y_, start_, log_rates_;
};

// Within the error of the difference itself: of its curvature, and of rounding in a sum of many terms.
template <typename Function>
void ExpectCentralDifference(double derivative, Vector at, size_t index, const Function& function) {
  constexpr double kStep = 1e-5;
  const double value = at[index];
  at[index] = value + kStep;
  const double above = function(at);
  at[index] = value - kStep;
  const double difference = (above - function(at)) / (2 * kStep);
  EXPECT_NEAR(derivative, difference, 1e-6 * std::fabs(difference) + 2e-10 * above) << "index " << index;
}

double Largest(const Vector& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

struct Case {
  std::vector<int64_t> sizes;
  int steps;
  bool last_tensor;
};

class HrnnAdjointTest : public testing::TestWithParam<Case> {};

// All tensors of theta, some entries of each.
TEST_P(HrnnAdjointTest, ThetaGradientOfAWholeUnrollIsThatOfCentralDifferences) {
  const Unroll unroll(GetParam().sizes, GetParam().steps, GetParam().last_tensor);
  const Vector theta = LivelyTheta();
  const Vector gradient = unroll.Backward(theta).theta;
  std::mt19937_64 generator(13);
  for (const HrnnTensor& tensor : HrnnTensors()) {
    const int64_t count = int64_t{tensor.rows} * tensor.columns;
    const double largest = Largest(Vector(&gradient[tensor.first], &gradient[tensor.first] + count));
    EXPECT_GT(largest, 0) << tensor.name;
    for (int i = 0; i < 4; ++i) {
      SCOPED_TRACE(tensor.name);
      const size_t index = tensor.first + generator() % count;
      ExpectCentralDifference(gradient[index], theta, index, [&](const Vector& at) { return unroll.Loss(at); });
    }
  }
}

TEST_P(HrnnAdjointTest, GradientsByStartAndLearningRatesAreThoseOfCentralDifferences) {
  const Unroll unroll(GetParam().sizes, GetParam().steps, GetParam().last_tensor);
  const Vector theta = LivelyTheta();
  const Unroll::Derivatives derivatives = unroll.Backward(theta);
  for (size_t i = 0; i < unroll.start().size(); i += 1 + unroll.start().size() / 8) {
    ExpectCentralDifference(derivatives.start[i], unroll.start(), i,
                            [&](const Vector& at) { return unroll.LossFrom(theta, at, unroll.log_rates()); });
    ExpectCentralDifference(derivatives.log_rates[i], unroll.log_rates(), i,
                            [&](const Vector& at) { return unroll.LossFrom(theta, unroll.start(), at); });
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, HrnnAdjointTest,
                         testing::Values(Case{{2}, 4, false}, Case{{2, 3}, 6, false}, Case{{3, 1, 2}, 5, true},
                                         Case{{5, 70}, 3, false}));

// At the clip the step is the same whatever the log learning rate beyond it; the published code's gradient passes all
// the same. With one parameter nothing else depends on the rate.
TEST(HrnnAdjointTest, ClipPassesGradientsStraightThrough) {
  const HrnnShape shape({{1}}, {});
  const Vector theta = LivelyTheta();
  BasicHrnnAdjoint<double> adjoint({{1}}, {});
  adjoint.SetTheta(theta);
  const auto rate_adjoint = [&](double log_rate) {
    BasicHrnnState<double> state, d_state;
    state.Resize(1, 1);
    d_state.Resize(1, 1);
    state.log_learning_rate[0] = log_rate;
    Vector record(adjoint.RecordSize()), d_gradient(1), d_theta(kHrnnParameters);
    adjoint.Record({1.5}, state, absl::MakeSpan(record));
    adjoint.StepBackward(record, {1.0}, &d_state, absl::MakeSpan(d_gradient), absl::MakeSpan(d_theta));
    return d_state.log_learning_rate[0];
  };
  EXPECT_NE(rate_adjoint(40), 0);
  EXPECT_EQ(rate_adjoint(40), rate_adjoint(50));
  EXPECT_NEAR(rate_adjoint(40) / rate_adjoint(30), std::exp(33 - 30), 5) << "the step is that of 33, not of 40";
}

TEST(HrnnAdjointTest, FloatAgreesWithDouble) {
  const std::vector<int64_t> sizes = {5, 70};
  const Vector theta = LivelyTheta();
  const std::vector<float> theta32(theta.begin(), theta.end());
  HrnnAdjoint adjoint32(sizes, {});
  BasicHrnnAdjoint<double> adjoint64(sizes, {});
  adjoint32.SetTheta(theta32);
  adjoint64.SetTheta(theta);
  std::mt19937_64 generator(17);
  std::normal_distribution<float> normal;
  std::vector<float> record32(adjoint32.RecordSize()), d_x32(75), d_gradient32(75);
  for (float& value : record32) value = 0.5f + 0.4f * std::tanh(normal(generator));
  for (float& value : d_x32) value = normal(generator);
  const Vector record64(record32.begin(), record32.end()), d_x64(d_x32.begin(), d_x32.end());
  HrnnState d_state32;
  BasicHrnnState<double> d_state64;
  d_state32.Resize(75, 2);
  d_state64.Resize(75, 2);
  Vector d_theta32(kHrnnParameters), d_theta64(kHrnnParameters), d_gradient64(75);
  adjoint32.StepBackward(record32, d_x32, &d_state32, absl::MakeSpan(d_gradient32), absl::MakeSpan(d_theta32));
  adjoint64.StepBackward(record64, d_x64, &d_state64, absl::MakeSpan(d_gradient64), absl::MakeSpan(d_theta64));
  for (size_t i = 0; i < d_theta64.size(); ++i) EXPECT_NEAR(d_theta32[i], d_theta64[i], 1e-5 * Largest(d_theta64));
  for (size_t i = 0; i < 75; ++i) EXPECT_NEAR(d_gradient32[i], d_gradient64[i], 1e-4 * Largest(d_gradient64));
}

}  // namespace
}  // namespace seedcast
