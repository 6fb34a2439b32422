// The ProtoNet task: a convolutional embedding (worker/kernels), episodes of a data set, prototypes.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "seedcast/v1/job.pb.h"
#include "worker/data/dataset.h"
#include "worker/kernels/convnet.h"
#include "worker/tasks/task.h"

namespace seedcast {

// spec: resolved, with a proto_net task. `kernels` must outlive the task and its evaluators; evaluators keep the data
// set alive. INVALID_ARGUMENT when the data set does not hold the training or validation episodes.
absl::StatusOr<std::unique_ptr<Task>> MakeProtoNetTask(const v1::JobSpec& spec, std::shared_ptr<const Dataset> dataset,
                                                       const ConvNetKernels& kernels);

}  // namespace seedcast
