// Maximise -|theta - target|^2 / dimension: no data, hardly any work, and on request noisy, failing or not finite.
#pragma once

#include <memory>

#include "seedcast/v1/job.pb.h"
#include "worker/tasks/task.h"

namespace seedcast {

// spec: resolved, with a sphere task.
std::unique_ptr<Task> MakeSphereTask(const v1::JobSpec& spec);

}  // namespace seedcast
