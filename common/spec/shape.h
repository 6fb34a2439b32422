// What a spec says about the shape of its job: clusters, unrolls, sizes. Of resolved specs.
#pragma once

#include <cstdint>

#include "seedcast/v1/job.pb.h"

namespace seedcast {

int ClusterCount(const v1::JobSpec& spec);            // 1 for a task without clusters
int64_t TotalClusterWeight(const v1::JobSpec& spec);  // over all clusters
int32_t ClusterWeight(const v1::JobSpec& spec, int cluster);
int64_t FitnessCount(const v1::JobSpec& spec);  // of a generation: clusters * population_size

bool HasClasses(const v1::JobSpec& spec);             // episodes have way, shot and query
bool HasUnrolls(const v1::JobSpec& spec);             // the task cuts inner trainings
const v1::Unroll& UnrollOf(const v1::JobSpec& spec);  // an empty one for a task without
bool CarriesState(const v1::JobSpec& spec);           // from generation to generation: any estimator but FULL_ES

}  // namespace seedcast
