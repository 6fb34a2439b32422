// Fitness shaping: members' fitness -> one integer weight a pair, so that the estimate is an exact integer sum.
// A fitness that is not finite (NaN, +inf, -inf) ranks last and never helps: it is the worst in ranks over members, and
// its pair weighs nothing where pairs are compared.
//
// With f_m the fitness of member m (float32), N members, P = N/2 pairs, d_p = double(f_{2p}) - double(f_{2p+1}):
//
//   CENTERED_RANKS  rank_m = 0 (worst) .. N-1 (best); equal fitnesses share the mean of their ranks, and all members
//       that are not finite share the lowest ones. u_m = 2 rank_m - (N-1), an integer. w_p = u_{2p} - u_{2p+1}.
//       Of unit variance is u / sqrt((N^2-1)/3), and the estimate is the mean over members:
//       scale = 1 / (N sqrt((N^2-1)/3)).
//   SIGNED_RANKS  rank_p = 1 .. V of |d_p| among the V pairs with two finite members; equal |d_p| share the mean of
//       their ranks. w_p = sign(d_p) 2 rank_p, an integer; 0 for pairs without a rank.
//       scale = 1 / (P sqrt(2 (P+1) (2P+1) / 3)): the root is the root mean square of 2 rank over 1 .. P.
//   NORMALIZED_DIFFERENCES  rms = sqrt(sum d_p^2 / V) over the V pairs with two finite members, summed in double in the
//       order of p. w_p = rint(max(-4, min(4, d_p / rms)) * 4096), ties to even; 0 for other pairs, or when rms is 0.
//       scale = 1 / (4096 P).
//
// Every expression in double is evaluated left to right with each operation rounded; square roots are exact roundings.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// (population_size / 2) weights w_p; fitness has population_size entries (even, at most 2^20). |w_p| < 2^22.
std::vector<int32_t> PairWeights(v1::Strategy::Shaping shaping, absl::Span<const float> fitness);

// Turns sum_p w_p z_p, z of unit variance, into an estimate of sigma * gradient for utilities of unit variance,
// whatever the population: the `scale` above.
double EstimateScale(v1::Strategy::Shaping shaping, int64_t population_size);

}  // namespace seedcast
