// Optimizers: how an estimate moves theta. They *ascend*: fitness is to grow.
//
// Every operation is float32, rounded once, in the order written (no FMA), element by element; the constants in
// capitals are computed in double and rounded to float32 once. t = version + 1, r = learning rate, keep = K = 1 - r *
// weight_decay.
//
//   ADAM (Kingma and Ba 2015, with decoupled decay of Loshchilov and Hutter 2019)
//       m' = B1 m + C1 g                    B1 = beta1, C1 = 1 - beta1
//       v' = B2 v + C2 (g g)                B2 = beta2, C2 = 1 - beta2
//       theta' = K theta + (A m') / (sqrt(v') Q + E)
//                                           A = r / (1 - beta1^t), Q = 1 / sqrt(1 - beta2^t), E = epsilon
//   SGD    m' = M m + g;   theta' = K theta + R m'                                   M = momentum, R = r
//   RMSPROP
//       v' = D v + C (g g)                  D = decay, C = 1 - decay
//       m' = M m + g / (sqrt(v') + E)
//       theta' = K theta + R m'
//
// m is State::first_moment, v is State::second_moment. beta^t is PowInteger of common/math.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// Parameters [first, first + estimate.size()) of the state are moved by one step; its version is left alone. Disjoint
// ranges may be stepped at the same time. `strategy` is resolved and the state's sizes fit it.
void OptimizerStep(const v1::Strategy& strategy, double learning_rate, absl::Span<const float> estimate, int64_t first,
                   State* state);

}  // namespace seedcast
