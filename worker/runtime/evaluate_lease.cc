#include "worker/runtime/evaluate_lease.h"

#include <limits>
#include <string>

#include "common/noise/noise.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

void AddFailure(const absl::Status& status, v1::LeaseResult* result) {
  if (result->failed_size() == 0) result->set_first_error(std::string(status.message()));
  result->add_failed(result->fitness_size());
  result->add_fitness(kNone);
}

}  // namespace

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
  const auto generation = static_cast<uint32_t>(work.lease.version());
  const NoiseDistribution distribution = Distribution(work.spec->strategy());
  const float s = NoiseScale(distribution, SigmaAt(*work.spec, work.lease.version()));
  noise_.resize(work.state->theta.size());
  member_.resize(work.state->theta.size());
  for (int32_t i = 0; i < pairs.count(); ++i) {
    if (control->cancelled.load(std::memory_order_relaxed)) return false;
    const int64_t pair = pairs.first_pair() + i;
    DrawNoise(distribution, {work.spec->seed(), generation, static_cast<uint32_t>(pair)}, absl::MakeSpan(noise_));
    EvaluateMember(work, pair, s, result);
    EvaluateMember(work, pair, -s, result);
    control->done.store(i + 1, std::memory_order_relaxed);
  }
  return true;
}

void LeaseEvaluator::EvaluateMember(const LeaseWork& work, int64_t pair, float s, v1::LeaseResult* result) {
  Perturb(work.state->theta, noise_, s, absl::MakeSpan(member_));
  const absl::StatusOr<float> fitness = evaluator_->Evaluate(member_, {work.lease.version(), pair, work.lease.pairs().cluster()});
  if (fitness.ok()) {
    result->add_fitness(*fitness);
  } else {
    AddFailure(fitness.status(), result);
  }
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
  const auto buffers = static_cast<int64_t>(member_.capacity() * sizeof(float) + noise_.capacity());
  return buffers + (evaluator_ ? evaluator_->ScratchBytes() : 0);
}

}  // namespace seedcast
