// From a spec to its task.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/kernels/convnet.h"
#include "worker/tasks/dataset_cache.h"
#include "worker/tasks/influence.h"
#include "worker/tasks/learned_optimizer/learned_optimizer.h"
#include "worker/tasks/proto_net.h"
#include "worker/tasks/sphere.h"
#include "worker/tasks/task.h"

namespace seedcast {

absl::StatusOr<std::unique_ptr<Task>> MakeTask(const v1::JobSpec& spec, const ArtifactFetcher& fetch) {
  switch (spec.task_case()) {
    case v1::JobSpec::kSphere:
      return MakeSphereTask(spec);
    case v1::JobSpec::kLearnedOptimizer:
      return MakeLearnedOptimizerTask(spec);
    case v1::JobSpec::kInfluence:
      return MakeInfluenceTask(spec);
    case v1::JobSpec::kProtoNet: {
      const ConvNetKernels* kernels = BestConvNetKernels(spec.numeric_class());
      if (kernels == nullptr) {
        return absl::FailedPreconditionError(absl::StrCat("numeric class ", v1::NumericClass_Name(spec.numeric_class()),
                                                          " is not available on this machine"));
      }
      ASSIGN_OR_RETURN(auto dataset, SharedDataset(spec.proto_net().dataset_digest(), fetch));
      return MakeProtoNetTask(spec, std::move(dataset), *kernels);
    }
    default:
      return absl::InvalidArgumentError("task: none that this build knows, expected proto_net or sphere");
  }
}

}  // namespace seedcast
