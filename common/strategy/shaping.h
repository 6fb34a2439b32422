// Fitness shaping: members' fitness -> one integer weight a pair, so that the estimate is an exact integer sum.
// A fitness that is not finite ranks last and never helps: it is the worst in ranks over members, and its pair weighs
// nothing where pairs are compared.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// (population_size / 2) weights w_p = u_{2p} - u_{2p+1}; fitness has population_size entries (even).
std::vector<int32_t> PairWeights(v1::Strategy::Shaping shaping, absl::Span<const float> fitness);

// Turns sum_p w_p n_p into an estimate of unit scale, whatever the population: the documented constant of each shaping.
double EstimateScale(v1::Strategy::Shaping shaping, int64_t population_size);

}  // namespace seedcast
