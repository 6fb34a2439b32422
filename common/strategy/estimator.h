// What a generation estimates, and which noise its fitness weighs. Pure functions of a resolved spec.
//
// Fitness of a generation: (clusters, population_size) values; cluster c, pair p, members 2p and 2p+1. All clusters
// share the noise of a pair, so the weights of their estimates add up as integers before any noise is drawn:
//
//   w_p = sum_c W_c w_{c,p}     w_{c,p}: shaping.h, over the members of cluster c alone; W_c: the cluster's weight
//   G_i = sum_p w_p n_{p,i}     n_p: the sum of the noises below; exact
//   g_i = float(G_i) S          S = float(scale / (2 sum_c W_c)) for popcount noise, without the 2 for sign
//
// Estimators with carried state cut inner trainings into unrolls, one a generation. Pair p's present inner training
// began at generation t = TrainingStart(spec, g, p), the same in all clusters.
//
//   FULL_ES       noise of (g, p)          whole evaluations
//   TRUNCATED_ES  noise of (g, p)          both members start from the unperturbed inner state (biased)
//   PES           noise of (t..g, p), summed; in generation j the members were theta_j +- s n_(j,p), each with an inner
//                 state of its own (Vicol et al. 2021, Algorithm 2). Needs sigma CONSTANT.
//   NRES          noise of (t, p)          in every generation of the inner training (Li et al. 2023). Sigma CONSTANT.
//   GRADIENT      none: g_i is the record's gradient, clipped to +- gradient_clip where that is not 0; what is not
//   finite
//                 counts 0
//
// Boundaries. An inner training is cut into unrolls, and a problem instance sees some inner trainings, each from new
// inner parameters, before another takes its place (the reset; r = ResetGeneration). F = JobSpec.first_generation.
//   FIXED        At generation g > F pair p starts an inner training anew when (g + p) mod count = 0, on a new
//                instance when (g + p) mod (restarts * count) = 0: pairs are staggered, so that each generation sees
//                all ages.
//   EXPONENTIAL  A boundary between unrolls ends the inner training with probability 1 / count, and such an end makes
//                way for a new instance with probability 1 / restarts: words 0 and 1 of Philox (seed; counter 0, p, g,
//                domain kSchedule), an event of probability 1 / n when floor(word * n / 2^32) = 0.
// All pairs begin an instance at generation F, and there is no burn-in: generation F + g, g < count, sees no unroll
// beyond the first g + 1 of an inner training. t is the newest boundary of either kind: what was before it has no
// bearing on the fitness. With Published.carried_state it has, and t = r. FULL_ES resets every generation: t = r = g.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/noise/noise.h"
#include "common/spec/shape.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// What happens to pair p between generations g - 1 and g.
enum class Boundary {
  kNone,     // the unroll goes on from where the last one ended
  kRestart,  // the same problem instance, new inner parameters
  kReset,    // a new problem instance
};
Boundary BoundaryBefore(const v1::JobSpec& spec, int64_t generation, int64_t pair);

// The newest reset of a pair at or before `generation`, and the newest start of an inner training.
int64_t ResetGeneration(const v1::JobSpec& spec, int64_t generation, int64_t pair);
int64_t TrainingStart(const v1::JobSpec& spec, int64_t generation, int64_t pair);
// The oldest reset of all pairs: parameters since then may be needed to rebuild inner states. Constant time with FIXED;
// with EXPONENTIAL about count * restarts * pairs draws, which Resolve bounds.
int64_t OldestReset(const v1::JobSpec& spec, int64_t generation);

// Unrolls of a whole evaluation (FULL_ES): `count` with FIXED; with EXPONENTIAL geometric of that mean,
// 1 + floor(Log(u) / Log(1 - 1 / count)) in double, u = Uniform() of Philox (seed; counter 0, who, g, domain
// kSchedule). who = 0, shared by all pairs and clusters, or with Unroll.independent cluster * 2^20 + p + 1.
int64_t UnrollsOfEvaluation(const v1::JobSpec& spec, int64_t generation, int cluster, int64_t pair);

// Inner steps of the unroll of this generation (for FULL_ES: of unroll number `unroll` of its evaluation; else 0):
// `steps` with FIXED; with EXPONENTIAL min_steps + rint(-steps * Log(u)) in double, u = Uniform() of Philox (seed;
// counter unroll + 1, who, g, domain kSchedule).
int64_t UnrollSteps(const v1::JobSpec& spec, int64_t generation, int cluster, int64_t pair, int unroll);
// The most that UnrollSteps gives: with EXPONENTIAL what the least u draws, 17 times the mean.
int64_t MostUnrollSteps(const v1::JobSpec& spec);

// The noise that a member of the pair wears in `generation`: NoiseKey of (g, p), or of (t, p) for NRES.
NoiseKey MemberNoise(const v1::JobSpec& spec, int64_t generation, int64_t pair);
// The generations first .. last whose noise the pair's fitness weighs. Not for GRADIENT.
struct NoiseSpan {
  int64_t first;
  int64_t last;
};
NoiseSpan WeighedNoise(const v1::JobSpec& spec, int64_t generation, int64_t pair);

// w_p of all pairs, summed over clusters. |w_p| <= 2^27, which Resolve sees to.
std::vector<int32_t> CombinedWeights(const v1::JobSpec& spec, absl::Span<const float> fitness);

// scale / sum_c W_c: turns sum_p w_p z_p, z of unit variance, into an estimate (EstimateScale of shaping.h).
double CombinedScale(const v1::JobSpec& spec);

}  // namespace seedcast
