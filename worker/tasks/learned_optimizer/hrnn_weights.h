// theta by role: pointers into one vector of 8,349, in the order of HrnnTensors. T is const float for a step, double or
// float for a gradient.
#pragma once

#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {

// A GRU's sizes: `inputs` besides its own `units`.
inline constexpr int kHrnnUnits0 = kHrnnCells[0];
inline constexpr int kHrnnUnits1 = kHrnnCells[1];
inline constexpr int kHrnnUnits2 = kHrnnCells[2];
inline constexpr int kHrnnInputs0 = kHrnnFeatures;
inline constexpr int kHrnnInputs1 = kHrnnUnits0 + kHrnnFeatures;
inline constexpr int kHrnnInputs2 = kHrnnUnits1;

template <typename T>
struct HrnnAffine {  // y = x W + b
  T* weights;        // (inputs, outputs)
  T* biases;         // (outputs)
};

template <typename T>
struct HrnnCell {
  HrnnAffine<T> gates;      // (inputs + units, 2 units): reset, then update
  HrnnAffine<T> candidate;  // (inputs + units, units)
};

template <typename T>
struct HrnnWeights {
  explicit HrnnWeights(T* theta) {
    const auto take = [&theta](int count) {
      T* here = theta;
      theta += count;
      return here;
    };
    const auto affine = [&](int inputs, int outputs) {
      T* weights = take(inputs * outputs);
      return HrnnAffine<T>{weights, take(outputs)};
    };
    const auto cell = [&](int inputs, int units) {
      const HrnnAffine<T> gates = affine(inputs + units, 2 * units);
      return HrnnCell<T>{gates, affine(inputs + units, units)};
    };
    parameter_cell = cell(kHrnnInputs0, kHrnnUnits0);
    parameter_from_tensor = affine(kHrnnUnits1, 3 * kHrnnUnits0);
    parameter_from_global = affine(kHrnnUnits2, 3 * kHrnnUnits0);
    tensor_cell = cell(kHrnnInputs1, kHrnnUnits1);
    tensor_from_global = affine(kHrnnUnits2, 3 * kHrnnUnits1);
    global_cell = cell(kHrnnInputs2, kHrnnUnits2);
    initial_h0 = take(kHrnnUnits0);
    initial_h1 = take(kHrnnUnits1);
    initial_h2 = take(kHrnnUnits2);
    direction_hidden = take(kHrnnUnits0);
    direction_gradient = take(kHrnnScales);
    scale_decay = affine(kHrnnUnits0, 1);
    input_decay = affine(kHrnnUnits0, 1);
    learning_rate = affine(kHrnnUnits0, 1);
    learning_rate_momentum = take(1);
    learning_rate_offset = take(1);
    end = theta;
  }

  HrnnCell<T> parameter_cell;
  HrnnAffine<T> parameter_from_tensor;  // outputs: what is added to reset, update and candidate
  HrnnAffine<T> parameter_from_global;
  HrnnCell<T> tensor_cell;
  HrnnAffine<T> tensor_from_global;
  HrnnCell<T> global_cell;
  T* initial_h0;
  T* initial_h1;
  T* initial_h2;
  T* direction_hidden;    // w_u
  T* direction_gradient;  // w_g
  HrnnAffine<T> scale_decay;
  HrnnAffine<T> input_decay;
  HrnnAffine<T> learning_rate;
  T* learning_rate_momentum;  // m
  T* learning_rate_offset;    // o
  T* end;
};

}  // namespace seedcast
