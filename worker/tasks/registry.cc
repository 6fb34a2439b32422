// From a spec to its task.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "worker/kernels/convnet.h"
#include "worker/tasks/dataset_cache.h"
#include "worker/tasks/influence.h"
#include "worker/tasks/learned_optimizer/learned_optimizer.h"
#include "worker/tasks/proto_net.h"
#include "worker/tasks/sphere.h"
#include "worker/tasks/task.h"

namespace seedcast {

namespace {

using MadeTask = absl::StatusOr<std::unique_ptr<Task>>;

MadeTask MakeProtoNet(const v1::JobSpec& spec, const ArtifactFetcher& fetch) {
  const ConvNetKernels* kernels = BestConvNetKernels(spec.numeric_class());
  if (kernels == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("numeric class ", v1::NumericClass_Name(spec.numeric_class()),
                                                      " is not available on this machine"));
  }
  ASSIGN_OR_RETURN(auto dataset, SharedDataset(spec.proto_net().dataset_digest(), fetch));
  return MakeProtoNetTask(spec, std::move(dataset), *kernels);
}

struct Entry {
  v1::JobSpec::TaskCase task;
  MadeTask (*make)(const v1::JobSpec& spec, const ArtifactFetcher& fetch);
};
constexpr Entry kTasks[] = {
    {v1::JobSpec::kProtoNet, MakeProtoNet},
    {v1::JobSpec::kSphere, [](const auto& spec, const auto&) -> MadeTask { return MakeSphereTask(spec); }},
    {v1::JobSpec::kLearnedOptimizer,
     [](const auto& spec, const auto&) -> MadeTask { return MakeLearnedOptimizerTask(spec); }},
    {v1::JobSpec::kInfluence, [](const auto& spec, const auto&) -> MadeTask { return MakeInfluenceTask(spec); }},
};

}  // namespace

MadeTask MakeTask(const v1::JobSpec& spec, const ArtifactFetcher& fetch) {
  std::vector<std::string> names;
  for (const Entry& entry : kTasks) {
    if (entry.task == spec.task_case()) return entry.make(spec, fetch);
    names.push_back(v1::JobSpec::descriptor()->FindFieldByNumber(entry.task)->name());
  }
  return absl::InvalidArgumentError(
      absl::StrCat("task: none that this build knows, expected one of ", absl::StrJoin(names, ", ")));
}

}  // namespace seedcast
