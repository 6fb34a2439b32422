// Resolve's part for tasks that are cut into unrolls and clusters, and for the estimators that need them.
#pragma once

#include "absl/status/status.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

absl::Status ResolveLearnedOptimizer(v1::LearnedOptimizerTask* task);
absl::Status ResolveInfluence(v1::InfluenceTask* task);

// What task and strategy must be to one another; both are resolved but for the estimator.
absl::Status ResolveEstimator(v1::JobSpec* spec);
absl::Status CheckClusters(const v1::JobSpec& spec);

}  // namespace seedcast
