// Problem instances that evaluators train on.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/bounded_cache.h"
#include "worker/tasks/learned_optimizer/learned_optimizer.h"

namespace seedcast {

// Names the instances of an evaluation: one of each problem of the cluster.
struct InstanceGroup {
  InstancePurpose purpose;
  int cluster;
  uint32_t stream;
  uint32_t substream;
  auto operator<=>(const InstanceGroup&) const = default;  // NOLINT(modernize-use-nullptr): there is none
};
using GroupProblems = std::map<int, std::unique_ptr<Problem>>;  // by number in the cluster

// Instances that nobody trains on just now: a cache, shared by a task's evaluators. A pair with carried state meets its
// instance again in the next generation, a validation its own, and drawing the data anew would cost as much as a few
// steps. Thread-safe.
class InstancePool {
 public:
  // Beyond max_bytes the least recently put go.
  explicit InstancePool(int64_t max_bytes) : groups_(max_bytes) {}

  GroupProblems Take(const InstanceGroup& group) ABSL_LOCKS_EXCLUDED(mutex_);  // none where there are none
  void Put(const InstanceGroup& group, GroupProblems problems) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t Bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  BoundedCache<InstanceGroup, GroupProblems> groups_ ABSL_GUARDED_BY(mutex_);
};

// What evaluators share with their task; constant after construction, but for the pool.
struct LearnedOptimizerSetting {
  v1::JobSpec spec;  // resolved
  std::vector<ProblemCluster> clusters;
  TrainingRules rules;
  std::unique_ptr<InstancePool> pool;
  // An evaluator that holds more instances than this lets go of them, and makes them again.
  int64_t most_bytes = int64_t{1} << 30;

  const v1::LearnedOptimizerTask& task() const { return spec.learned_optimizer(); }
};

// One evaluator's instances, those of one group at a time, and an optimizer for each shape of problem.
class Instances {
 public:
  explicit Instances(const LearnedOptimizerSetting& setting) : setting_(setting) {}

  // Valid until another is asked for; its optimizer steps with `theta`.
  absl::StatusOr<InnerTraining*> Find(absl::Span<const float> theta, const InstanceGroup& group, int problem);

  int64_t Bytes() const;

 private:
  struct Entry {
    InnerTraining training;
    Hrnn* hrnn;
  };

  void Enter(const InstanceGroup& group);
  absl::StatusOr<Entry> Make(int problem);

  const LearnedOptimizerSetting& setting_;
  std::map<std::vector<int64_t>, std::unique_ptr<Hrnn>> optimizers_;  // by tensor sizes
  std::optional<InstanceGroup> group_;
  GroupProblems pooled_;            // of group_, not yet asked for
  std::map<int, Entry> trainings_;  // of group_, by problem
};

}  // namespace seedcast
