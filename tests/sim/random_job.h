// Jobs of all kinds, small enough that hundreds of them can be simulated.
#pragma once

#include "seedcast/v1/job.pb.h"
#include "tests/sim/random.h"

namespace seedcast::sim {

// A resolved spec: any task of sim_task.h, estimator, optimizer and limit; now and then one that must fail.
v1::JobSpec RandomJob(Random& random);

}  // namespace seedcast::sim
