// What a slot does with a lease: evaluate its pairs, or measure its episodes, one after another.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"
#include "seedcast/v1/worker.pb.h"
#include "worker/runtime/inner_states.h"
#include "worker/runtime/perturbation.h"
#include "worker/runtime/theta_history.h"
#include "worker/tasks/task.h"

namespace seedcast {

// A lease with everything that is needed to work on it.
struct LeaseWork {
  v1::Lease lease;
  std::shared_ptr<const v1::JobSpec> spec;  // resolved
  std::shared_ptr<const Task> task;
  std::shared_ptr<const State> state;  // at lease.version

  // For pairs of a job with carried state only:
  std::shared_ptr<const ThetaHistory> history{};  // OldestReset(lease.version) .. lease.version - 1
  InnerStates* inner_states = nullptr;            // outlives the work
  int64_t job = 0;                                // of InnerKey
};

// Between a slot and whoever watches it.
struct LeaseControl {
  std::atomic<bool> cancelled{false};
  std::atomic<int32_t> done{0};  // pairs or episodes
};

// The evaluation gave no fitness: the next entry of `result` is NaN, and counted as failed.
void AddFailure(const absl::Status& status, v1::LeaseResult* result);

// The scratch memory of one slot: one pair's noise and a perturbed copy of theta, one task's Evaluator. Reused from
// lease to lease; one thread at a time.
class LeaseEvaluator {
 public:
  // Fills in everything of `result` but the seconds. False when control->cancelled stopped it between two pairs (with
  // carried state: between two unrolls).
  bool Run(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result);

  int64_t ScratchBytes() const;

 private:
  bool RunPairs(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result);
  bool RunEpisodes(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result);
  void EvaluateWhole(const LeaseWork& work, int64_t pair, v1::LeaseResult* result);
  void UseTask(const std::shared_ptr<const Task>& task);

  std::shared_ptr<const Task> task_;  // of evaluator_
  std::unique_ptr<Evaluator> evaluator_;
  Perturbation perturbation_;
};

}  // namespace seedcast
