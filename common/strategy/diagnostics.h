// What an update says about the search beside moving it: for people and monitoring. Nothing here has a bearing on the
// parameters, and only who asks (UpdateDiagnostics of Update) pays for it: a few passes over the parameters, no noise
// drawn again.
//
// With G = sum_p w_p n_p of estimator.h, cut into halves A = sum over even p, B = sum over odd p, so that G = A + B:
//
//   cosine               <g, g'> / (|g| |g'|), g' the last generation's estimate
//   signal_to_noise      4 <A, B> / |A - B|^2. Each half, doubled, is an estimate from half of the population; their
//                        inner product expects the squared norm of what they estimate, and half their difference the
//                        error of their mean, which is g. Around 0 or below: the estimate is noise.
//   effective_utilities  (sum_p |w_p|)^2 / (P sum_p w_p^2): 1 when all pairs weigh the same, 1/P when one decides
//   update_ratio         |theta' - theta| / |theta|
//
// Sums are in double, by block of parameters and then over blocks in order. NaN stands for what there is not: a cosine
// without a last estimate, halves of a gradient (estimator GRADIENT), a ratio to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"

namespace seedcast {

// Keep one for a job and pass it to each of its updates.
struct UpdateDiagnostics {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double cosine = kNone;
  double signal_to_noise = kNone;
  double effective_utilities = kNone;
  double update_ratio = kNone;

  // g of the last update, and the version that it led to: the next cosine is to it, if it follows.
  std::vector<float> estimate;  // (num_parameters) or empty
  int64_t version = -1;
};

// Parts of the above that add up over parameters.
struct DiagnosticSums {
  double last_squared = 0;       // |g'|^2
  double last_product = 0;       // <g, g'>
  double halves_product = 0;     // <A, B>
  double halves_difference = 0;  // |A - B|^2
  double theta_squared = 0;      // |theta|^2
  double step_squared = 0;       // |theta' - theta|^2

  void Add(const DiagnosticSums& other);
};

double EffectiveUtilities(absl::Span<const int32_t> weights);

// Smallest, quartiles and largest of the finite values: of n in ascending order the one at rint(q (n - 1)), ties to
// even. NaN when there is none.
inline constexpr std::array<double, 5> kQuantiles = {0, 0.25, 0.5, 0.75, 1};
std::array<float, 5> FiniteQuantiles(absl::Span<const float> values);

}  // namespace seedcast
