// One generation's update: fitness -> utilities -> exact integer estimate -> optimizer step. Pure: the same spec, state
// and outcome give the same bits on any machine and for any number of threads.
//
//   w_p    = pair weights of the fitness             integers (shaping.h), over clusters (estimator.h)
//   G_i    = sum_p w_p n_{p,i}                       exact (noise.h; OpenAI-ES, Salimans et al. 2017, antithetic pairs)
//   g_i    = float(G_i) * S                          float32, both operations rounded to nearest; S = float(scale / 2)
//   for
//                                                    popcount noise, whose standard deviation is 2, float(scale) for
//                                                    sign
//   theta' = optimizer step that *ascends* g         optimizer.h, with the learning rate of schedule.h at this
//                                                    generation
//
// The noise is that of generation = version of the state, pair = p, for estimators that carry no state; estimator.h
// says what the others weigh. `scale` (shaping.h; divided by the sum of the clusters' weights) makes g an estimate of
// sigma times the gradient of the expected fitness, in units in which utilities have variance 1, so that one learning
// rate serves populations of any size.
#pragma once

#include "absl/status/status.h"
#include "common/noise/noise.h"
#include "common/strategy/diagnostics.h"
#include "common/strategy/outcome.h"
#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

struct UpdateReport {
  double estimate_norm = 0;  // Euclidean norm of g
  double learning_rate = 0;
  double sigma = 0;
};

// `spec` is resolved. Advances state to version + 1, on up to `threads` threads. INVALID_ARGUMENT when fitness or
// gradient has another size, DATA_LOSS when the state does not fit the spec. Fills in `diagnostics` where it is given;
// the state gets the same bits with it and without.
absl::StatusOr<UpdateReport> Update(const v1::JobSpec& spec, const Outcome& outcome, int threads, State* state,
                                    UpdateDiagnostics* diagnostics = nullptr);

// What a member is made with at a generation.
NoiseDistribution Distribution(const v1::Strategy& strategy);
double SigmaAt(const v1::JobSpec& spec, int64_t generation);
double LearningRateAt(const v1::JobSpec& spec, int64_t generation);

// Chain over the log: chain_-1 = SHA-256 of spec (its canonical bytes) and the initial state's digest, then one link a
// record: SHA-256 of the previous link, generation, state's digest, fitness and, where there is one, gradient.
Digest ChainStart(const v1::JobSpec& spec, const Digest& initial_state);
Digest ChainNext(const Digest& previous, int64_t generation, const Digest& state, const Outcome& outcome);

}  // namespace seedcast
