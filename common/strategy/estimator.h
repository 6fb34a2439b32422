// What a generation estimates, and which noise its fitness weighs. Pure functions of a resolved spec.
//
// Fitness of a generation: (clusters, population_size) values; cluster c, pair p, members 2p and 2p+1. All clusters share
// the noise of a pair, so the weights of their estimates add up as integers before any noise is drawn:
//
//   w_p = sum_c W_c w_{c,p}     w_{c,p}: shaping.h, over the members of cluster c alone; W_c: the cluster's weight
//   G_i = sum_p w_p n_{p,i}     n_p: the sum of the noises below; exact
//   g_i = float(G_i) S          S = float(scale / (2 sum_c W_c)) for popcount noise, without the 2 for sign
//
// Estimators with carried state cut inner trainings into unrolls, one a generation. r = ResetGeneration(spec, g, p) is
// the generation at which pair p's present inner training began, <= g, the same in all clusters.
//
//   FULL_ES       noise of (g, p)          whole evaluations
//   TRUNCATED_ES  noise of (g, p)          both members start from the unperturbed inner state (biased)
//   PES           noise of (r..g, p), summed; in generation j the members were theta_j +- s n_(j,p), each with an inner
//                 state of its own (Vicol et al. 2021, Algorithm 2). Needs sigma CONSTANT.
//   NRES          noise of (r, p)          in every generation of the inner training (Li et al. 2023). Sigma CONSTANT.
//   GRADIENT      none: the record's gradient is the estimate, after gradient_clip
//
// Resets. With Unroll.lengths FIXED an inner training of a problem instance has K = restarts * count unrolls, and pair p
// starts anew at generation g > 0 when (g + p) mod K = 0: pairs are staggered, so that each generation sees all ages.
// With EXPONENTIAL a boundary between unrolls ends the inner training with probability 1 / count, and such an end
// makes way for a new problem with probability 1 / restarts: both drawn from Philox (seed; counter 0, p, g, domain
// kSchedule), word 0 for the end and word 1 for the new problem, an event of probability 1 / n when floor(word * n /
// 2^32) = 0. All pairs begin at generation 0. A task without unrolls, and FULL_ES, resets every generation.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/noise/noise.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// What a log record says of a generation; spans are borrowed.
struct Outcome {
  absl::Span<const float> fitness;   // (clusters, population_size), not finite = failed
  absl::Span<const float> gradient;  // (num_parameters) for GRADIENT, else empty
};

int ClusterCount(const v1::JobSpec& spec);      // 1 for a task without clusters
int64_t FitnessCount(const v1::JobSpec& spec);  // clusters * population_size
int32_t ClusterWeight(const v1::JobSpec& spec, int cluster);
bool CarriesState(const v1::JobSpec& spec);  // any estimator but FULL_ES

// What happens to pair p between generations g - 1 and g.
enum class Boundary {
  kNone,     // the unroll goes on from where the last one ended
  kRestart,  // the same problem instance, new inner parameters
  kReset,    // a new problem instance
};
Boundary BoundaryBefore(const v1::JobSpec& spec, int64_t generation, int64_t pair);

// The newest reset of a pair at or before `generation`.
int64_t ResetGeneration(const v1::JobSpec& spec, int64_t generation, int64_t pair);
// The oldest of all pairs: parameters since then may be needed to rebuild inner states.
int64_t OldestReset(const v1::JobSpec& spec, int64_t generation);

// Inner steps of the unroll of this generation (for FULL_ES: of unroll number `unroll` of its evaluation; else 0).
// Shared by all pairs and clusters unless Unroll.independent. Philox (seed; counter unroll + 1, 0 or cluster * 2^20 + p + 1,
// g, domain kSchedule): u = Uniform(), steps = min_steps + rint(-steps * Log(u)).
int64_t UnrollSteps(const v1::JobSpec& spec, int64_t generation, int cluster, int64_t pair, int unroll);

// The noise that a member of the pair wears in `generation`: NoiseKey of (g, p), or of (r, p) for NRES.
NoiseKey MemberNoise(const v1::JobSpec& spec, int64_t generation, int64_t pair);
// The generations [first, last] whose noise the pair's fitness weighs.
struct NoiseSpan {
  int64_t first;
  int64_t last;
};
NoiseSpan WeighedNoise(const v1::JobSpec& spec, int64_t generation, int64_t pair);

// w_p of all pairs, summed over clusters. |w_p| <= 2^27 (Resolve sees to it).
std::vector<int32_t> CombinedWeights(const v1::JobSpec& spec, absl::Span<const float> fitness);

}  // namespace seedcast
