#include "worker/tasks/learned_optimizer/instances.h"

#include <utility>

#include "common/spec/shape.h"
#include "common/status_macros.h"
#include "worker/tasks/learned_optimizer/catalogue.h"
#include "worker/tasks/learned_optimizer/hrnn.h"

namespace seedcast {
namespace {

// Whether somebody may ask for it again: a training of its own for each generation is over when it is left.
bool ComesBack(const InstanceGroup& group, const v1::JobSpec& spec) {
  return group.purpose != InstancePurpose::kTraining || CarriesState(spec);
}

}  // namespace

GroupProblems InstancePool::Take(const InstanceGroup& group) {
  absl::MutexLock lock(&mutex_);
  return groups_.Take(group).value_or(GroupProblems());
}

void InstancePool::Put(const InstanceGroup& group, GroupProblems problems) {
  int64_t bytes = 0;
  for (const auto& [number, problem] : problems) bytes += problem->Bytes();
  std::vector<GroupProblems> dropped;  // freed after the lock
  absl::MutexLock lock(&mutex_);
  dropped = groups_.Put(group, std::move(problems), bytes);
}

int64_t InstancePool::Bytes() const {
  absl::MutexLock lock(&mutex_);
  return groups_.bytes();
}

absl::StatusOr<InnerTraining*> Instances::Find(absl::Span<const float> theta, const InstanceGroup& group, int problem) {
  if (group != group_) Enter(group);
  auto found = trainings_.find(problem);
  if (found == trainings_.end()) {
    if (Bytes() > setting_.most_bytes) trainings_.clear();
    ASSIGN_OR_RETURN(Entry made, Make(problem));
    found = trainings_.try_emplace(problem, std::move(made)).first;
  }
  found->second.hrnn->SetTheta(theta);
  return &found->second.training;
}

// Leaves the present group for another.
void Instances::Enter(const InstanceGroup& group) {
  if (group_ && ComesBack(*group_, setting_.spec)) {
    for (auto& [number, entry] : trainings_) pooled_[number] = entry.training.ReleaseProblem();
    setting_.pool->Put(*group_, std::move(pooled_));
  }
  trainings_.clear();
  group_ = group;
  pooled_ = setting_.pool->Take(group);
}

absl::StatusOr<Instances::Entry> Instances::Make(int problem) {
  const InstanceSeed name =
      NameInstance(setting_.spec.seed(), group_->purpose, group_->cluster, problem, group_->stream, group_->substream);
  std::unique_ptr<Problem> made;
  if (const auto pooled = pooled_.find(problem); pooled != pooled_.end()) {
    made = std::move(pooled_.extract(pooled).mapped());
  } else {
    const ProblemOptions options{setting_.task().published().unapplied_noise()};
    ASSIGN_OR_RETURN(made, MakeProblem(setting_.clusters[group_->cluster].problems[problem], options, name.seed,
                                       name.stream, name.substream));
  }
  std::unique_ptr<Hrnn>& hrnn = optimizers_[{made->tensor_sizes().begin(), made->tensor_sizes().end()}];
  if (hrnn == nullptr) hrnn = MakeHrnn(made->tensor_sizes(), setting_.rules.optimizer);
  return Entry{InnerTraining(std::move(made), hrnn.get(), name, setting_.rules), hrnn.get()};
}

int64_t Instances::Bytes() const {
  int64_t bytes = 0;
  for (const auto& [problem, entry] : trainings_) bytes += entry.training.Bytes();
  for (const auto& [problem, pooled] : pooled_) bytes += pooled->Bytes();
  return bytes;
}

}  // namespace seedcast
