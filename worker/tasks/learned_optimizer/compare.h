// A learned optimizer against SGD, momentum, RMSProp and Adam, on instances that training never saw: of each cluster's
// problems, and of a family that shares no kind of problem with them, at whatever depth of their expressions.
//
// Each baseline gets one learning rate a family: that of the grid with the smallest mean final log objective over
// tuning instances, which are apart from the test instances. All optimizers of a seed see the same instance, start and
// mini-batches. Points beyond the bounds, and all behind them, count as kDivergedLogObjective (inner_training.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

struct ComparisonOptions {
  int64_t steps = 0;     // inner steps; 0: as in training
  int seeds = 20;        // test instances of each problem, at least 2
  int tuning_seeds = 4;  // tuning instances of each problem, at least 1
  int threads = 1;
  // Of the catalogue; empty: the first of norm, matmul, log_objective ... that is not trained on, or none.
  std::string untrained_family;
};

struct MeanAndInterval {
  double mean = 0;
  double interval = 0;  // half width of the 95 % interval over seeds, Student's t
};

struct OptimizerResult {
  std::string optimizer;               // "learned", "SGD", "momentum", "RMSProp", "Adam"
  double learning_rate = 0;            // as tuned; NaN for the learned one
  MeanAndInterval log_objective;       // at the end; of the means over the family's problems
  MeanAndInterval accuracy;            // at the end, over the problems that have one; NaN where none has
  int diverged = 0;                    // trainings that left the bounds
  std::vector<double> curve;           // (points) mean log objective
  std::vector<double> curve_interval;  // (points) half width of its 95 % interval
};

struct FamilyResult {
  std::string family;  // the cluster's name, or the family's
  bool trained = true;
  int problems = 0;
  std::vector<OptimizerResult> optimizers;  // the learned one first
};

struct Comparison {
  int64_t steps = 0;
  int seeds = 0;
  std::vector<int64_t> curve_steps;    // (points) 0 .. steps
  std::vector<FamilyResult> families;  // the clusters, and the untrained one where there is one
};

// `spec` is resolved and has a learned_optimizer task. The same arguments give the same bits, whatever the number of
// threads. `on_progress` is called from any thread, one call at a time; CANCELLED once it returns false.
absl::StatusOr<Comparison> Compare(const v1::JobSpec& spec, absl::Span<const float> theta,
                                   const ComparisonOptions& options,
                                   const std::function<bool(int done, int total)>& on_progress);

}  // namespace seedcast
