// What a slot does with a lease: evaluate its pairs, or measure its episodes, one after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/tasks/task.h"

namespace seedcast {

// A lease with everything that is needed to work on it.
struct LeaseWork {
  v1::Lease lease;
  std::shared_ptr<const v1::JobSpec> spec;  // resolved
  std::shared_ptr<const Task> task;
  std::shared_ptr<const State> state;  // at lease.version
};

// Between a slot and whoever watches it.
struct LeaseControl {
  std::atomic<bool> cancelled{false};
  std::atomic<int32_t> done{0};  // pairs or episodes
};

// The scratch memory of one slot: one perturbed copy of theta, one pair's noise, one task's Evaluator. Reused from
// lease to lease; one thread at a time.
class LeaseEvaluator {
 public:
  // Fills in everything of `result` but the seconds. False when control->cancelled stopped it between two pairs.
  bool Run(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result);

  int64_t ScratchBytes() const;

 private:
  bool RunPairs(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result);
  bool RunEpisodes(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result);
  void EvaluateMember(const LeaseWork& work, int64_t pair, float s, v1::LeaseResult* result);
  void UseTask(const std::shared_ptr<const Task>& task);

  std::shared_ptr<const Task> task_;  // of evaluator_
  std::unique_ptr<Evaluator> evaluator_;
  std::vector<float> member_;  // (num_parameters)
  std::vector<int8_t> noise_;  // (num_parameters)
};

}  // namespace seedcast
