#include "worker/runtime/evaluate_lease.h"

#include <limits>
#include <string>

#include "common/strategy/estimator.h"
#include "worker/runtime/carried_pair.h"

namespace seedcast {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

}  // namespace

void AddFailure(const absl::Status& status, v1::LeaseResult* result) {
  if (result->failed_size() == 0) result->set_first_error(std::string(status.message()));
  result->add_failed(result->fitness_size());
  result->add_fitness(kNone);
}

bool LeaseEvaluator::Run(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result) {
  UseTask(work.task);
  result->Clear();
  result->set_lease_id(work.lease.lease_id());
  result->set_job_id(work.lease.job_id());
  result->set_version(work.lease.version());
  return work.lease.has_pairs() ? RunPairs(work, control, result) : RunEpisodes(work, control, result);
}

bool LeaseEvaluator::RunPairs(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result) {
  const v1::PairRange& pairs = work.lease.pairs();
  *result->mutable_pairs() = pairs;
  result->mutable_fitness()->Reserve(2 * pairs.count());
  const bool carries_state = CarriesState(*work.spec);
  for (int32_t i = 0; i < pairs.count(); ++i) {
    if (control->cancelled.load(std::memory_order_relaxed)) return false;
    const int64_t pair = pairs.first_pair() + i;
    if (!carries_state) {
      EvaluateWhole(work, pair, result);
    } else if (!CarriedPair(work, pair, evaluator_.get(), &perturbation_).Run(control->cancelled, result)) {
      return false;
    }
    control->done.store(i + 1, std::memory_order_relaxed);
  }
  return true;
}

void LeaseEvaluator::EvaluateWhole(const LeaseWork& work, int64_t pair, v1::LeaseResult* result) {
  const std::vector<float>& theta = work.state->theta;
  perturbation_.Draw(*work.spec, work.lease.version(), pair, theta.size());
  for (const int sign : {1, -1}) {
    const absl::StatusOr<float> fitness = evaluator_->Evaluate(
        perturbation_.Member(theta, sign), {work.lease.version(), pair, work.lease.pairs().cluster()});
    if (fitness.ok()) {
      result->add_fitness(*fitness);
    } else {
      AddFailure(fitness.status(), result);
    }
  }
  result->set_diverged(result->diverged() + evaluator_->TakeDiverged());
}

bool LeaseEvaluator::RunEpisodes(const LeaseWork& work, LeaseControl* control, v1::LeaseResult* result) {
  const v1::EpisodeRange& episodes = work.lease.episodes();
  *result->mutable_episodes() = episodes;
  for (int32_t i = 0; i < episodes.count(); ++i) {
    if (control->cancelled.load(std::memory_order_relaxed)) return false;
    const auto metrics = evaluator_->Measure(work.state->theta, episodes.spec(), episodes.first_episode() + i);
    if (metrics.ok()) {
      result->add_fitness(metrics->fitness);
      result->add_accuracy(metrics->accuracy);
    } else {
      AddFailure(metrics.status(), result);
      result->add_accuracy(kNone);
    }
    control->done.store(i + 1, std::memory_order_relaxed);
  }
  return true;
}

void LeaseEvaluator::UseTask(const std::shared_ptr<const Task>& task) {
  if (task_ == task) return;
  evaluator_.reset();  // before its task, and before the next one's scratch is allocated
  task_ = task;
  evaluator_ = task_->NewEvaluator();
}

int64_t LeaseEvaluator::ScratchBytes() const {
  return perturbation_.ScratchBytes() + (evaluator_ ? evaluator_->ScratchBytes() : 0);
}

}  // namespace seedcast
