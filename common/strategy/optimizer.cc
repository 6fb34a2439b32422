#include "common/strategy/optimizer.h"

#include <cmath>

#include "common/math/elementary.h"

namespace seedcast {
namespace {

// What every optimizer needs; the loops below run over plain arrays that do not overlap, so that compilers vectorise
// them. Vectors or not, each element sees the same rounded operations.
struct Range {
  const float* __restrict estimate;
  float* __restrict theta;
  float* __restrict m;
  float* __restrict v;
  int64_t count;
  float keep;
};

void AdamStep(const v1::Adam& adam, double learning_rate, int64_t t, const Range& range) {
  const auto [g, theta, m, v, count, keep] = range;
  const float b1 = static_cast<float>(adam.beta1());
  const float c1 = static_cast<float>(1 - adam.beta1());
  const float b2 = static_cast<float>(adam.beta2());
  const float c2 = static_cast<float>(1 - adam.beta2());
  const float a = static_cast<float>(learning_rate / (1 - PowInteger(adam.beta1(), t)));
  const float q = static_cast<float>(1 / std::sqrt(1 - PowInteger(adam.beta2(), t)));
  const float epsilon = static_cast<float>(adam.epsilon());
  for (int64_t i = 0; i < count; ++i) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    theta[i] = keep * theta[i] + a * m[i] / (std::sqrt(v[i]) * q + epsilon);
  }
}

void SgdStep(const v1::Sgd& sgd, double learning_rate, const Range& range) {
  const auto [g, theta, m, v, count, keep] = range;
  const float momentum = static_cast<float>(sgd.momentum());
  const float rate = static_cast<float>(learning_rate);
  for (int64_t i = 0; i < count; ++i) {
    m[i] = momentum * m[i] + g[i];
    theta[i] = keep * theta[i] + rate * m[i];
  }
}

void RmsPropStep(const v1::RmsProp& rms_prop, double learning_rate, const Range& range) {
  const auto [g, theta, m, v, count, keep] = range;
  const float decay = static_cast<float>(rms_prop.decay());
  const float complement = static_cast<float>(1 - rms_prop.decay());
  const float momentum = static_cast<float>(rms_prop.momentum());
  const float epsilon = static_cast<float>(rms_prop.epsilon());
  const float rate = static_cast<float>(learning_rate);
  for (int64_t i = 0; i < count; ++i) {
    v[i] = decay * v[i] + complement * (g[i] * g[i]);
    m[i] = momentum * m[i] + g[i] / (std::sqrt(v[i]) + epsilon);
    theta[i] = keep * theta[i] + rate * m[i];
  }
}

float* From(std::vector<float>& values, int64_t first) { return values.empty() ? nullptr : values.data() + first; }

}  // namespace

void OptimizerStep(const v1::Strategy& strategy, double learning_rate, absl::Span<const float> estimate, int64_t first,
                   State* state) {
  const Range range = {estimate.data(),
                       From(state->theta, first),
                       From(state->first_moment, first),
                       From(state->second_moment, first),
                       static_cast<int64_t>(estimate.size()),
                       static_cast<float>(1 - learning_rate * strategy.weight_decay())};
  switch (strategy.optimizer_case()) {
    case v1::Strategy::kSgd:
      return SgdStep(strategy.sgd(), learning_rate, range);
    case v1::Strategy::kRmsProp:
      return RmsPropStep(strategy.rms_prop(), learning_rate, range);
    default:
      return AdamStep(strategy.adam(), learning_rate, state->version + 1, range);
  }
}

}  // namespace seedcast
