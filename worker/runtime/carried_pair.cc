#include "worker/runtime/carried_pair.h"

#include <optional>
#include <utility>

#include "common/strategy/estimator.h"

namespace seedcast {
namespace {

bool EachMemberHasItsOwn(v1::Strategy::Estimator estimator) {
  return estimator == v1::Strategy::PES || estimator == v1::Strategy::NRES;
}

void AddFitness(const absl::StatusOr<float>& fitness, v1::LeaseResult* result) {
  if (!fitness.ok()) return AddFailure(fitness.status(), result);
  result->add_fitness(*fitness);
}

}  // namespace

CarriedPair::CarriedPair(const LeaseWork& work, int64_t pair, Evaluator* evaluator, Perturbation* perturbation)
    : work_(work),
      evaluator_(*evaluator),
      perturbation_(*perturbation),
      generation_(work.lease.version()),
      key_{ResetGeneration(*work.spec, generation_, pair), pair, work.lease.pairs().cluster()},
      antithetic_(EachMemberHasItsOwn(work.spec->strategy().estimator())) {}

bool CarriedPair::Run(const std::atomic<bool>& cancelled, v1::LeaseResult* result) {
  const InnerKey cache_key{work_.job, key_.cluster, key_.pair};
  // Kept states are of generations after the reset: where an inner training ends nothing is kept.
  std::optional<InnerTrainings> kept = work_.inner_states->Take(cache_key, key_.generation + 1, generation_);
  InnerTrainings trainings = kept ? *std::move(kept) : Begin();
  if (!Rebuild(cancelled, &trainings)) {
    work_.inner_states->Put(cache_key, std::move(trainings));
    return false;
  }
  evaluator_.TakeDiverged();  // those were counted when their generation was evaluated
  switch (work_.spec->strategy().estimator()) {
    case v1::Strategy::TRUNCATED_ES:
      AddTruncated(&trainings, result);
      break;
    case v1::Strategy::GRADIENT:
      AddGradient(&trainings, result);
      break;
    default:
      AddPersistent(&trainings, result);
  }
  trainings.generation = generation_ + 1;
  if (GoesOn()) work_.inner_states->Put(cache_key, std::move(trainings));
  return true;
}

InnerTrainings CarriedPair::Begin() {
  InnerTrainings trainings{key_.generation, std::vector<InnerTraining>(antithetic_ ? 2 : 1)};
  for (size_t i = 0; i < trainings.members.size(); ++i) {
    absl::StatusOr<std::unique_ptr<InnerState>> begun = evaluator_.Begin(MemberTheta(key_.generation, SignOf(i)), key_);
    if (begun.ok()) {
      trainings.members[i].state = *std::move(begun);
    } else {
      trainings.members[i].status = begun.status();
    }
  }
  return trainings;
}

bool CarriedPair::Rebuild(const std::atomic<bool>& cancelled, InnerTrainings* trainings) {
  const int64_t from = trainings->generation;
  while (trainings->generation < generation_) {
    if (cancelled.load(std::memory_order_relaxed)) return false;
    Advance(trainings->generation, trainings);
    ++trainings->generation;
  }
  if (from < generation_) work_.inner_states->CountRebuilt(generation_ - from);
  return true;
}

void CarriedPair::Advance(int64_t generation, InnerTrainings* trainings) {
  for (size_t i = 0; i < trainings->members.size(); ++i) {
    static_cast<void>(Unroll(generation, SignOf(i), &trainings->members[i]));  // keeps its failure itself
  }
}

// The member's fitness, or why it has none: it failed now, or earlier.
absl::StatusOr<float> CarriedPair::Unroll(int64_t generation, int sign, InnerTraining* training) {
  if (!training->status.ok()) return training->status;
  absl::StatusOr<float> fitness = evaluator_.Unroll(MemberTheta(generation, sign), generation, training->state.get());
  if (!fitness.ok()) *training = {nullptr, fitness.status()};
  return fitness;
}

// PES and NRES: each member goes on from where it came to.
void CarriedPair::AddPersistent(InnerTrainings* trainings, v1::LeaseResult* result) {
  for (size_t i = 0; i < trainings->members.size(); ++i) {
    AddFitness(Unroll(generation_, SignOf(i), &trainings->members[i]), result);
  }
  result->set_diverged(result->diverged() + evaluator_.TakeDiverged());
}

// Both members start from where theta itself has come to.
void CarriedPair::AddTruncated(InnerTrainings* trainings, v1::LeaseResult* result) {
  InnerTraining& unperturbed = trainings->members[0];
  for (const int sign : {1, -1}) {
    InnerTraining member{unperturbed.state ? unperturbed.state->Clone() : nullptr, unperturbed.status};
    AddFitness(Unroll(generation_, sign, &member), result);
  }
  result->set_diverged(result->diverged() + evaluator_.TakeDiverged());
  if (GoesOn()) Advance(generation_, trainings);
  evaluator_.TakeDiverged();
}

// A failed unroll has a gradient of 0, so that the mean over pairs stays finite.
void CarriedPair::AddGradient(InnerTrainings* trainings, v1::LeaseResult* result) {
  InnerTraining& training = trainings->members[0];
  const absl::Span<const float> theta = Theta(generation_);
  std::vector<float> gradient(theta.size());
  const absl::StatusOr<float> fitness =
      training.status.ok()
          ? evaluator_.UnrollGradient(theta, generation_, training.state.get(), absl::MakeSpan(gradient))
          : absl::StatusOr<float>(training.status);
  if (!fitness.ok()) {
    training = {nullptr, fitness.status()};
    gradient.assign(theta.size(), 0);
  }
  for (int member = 0; member < 2; ++member) AddFitness(fitness, result);
  result->mutable_gradient()->Add(gradient.begin(), gradient.end());
  result->set_diverged(result->diverged() + evaluator_.TakeDiverged());
}

absl::Span<const float> CarriedPair::Theta(int64_t generation) const {
  return generation == generation_ ? absl::MakeConstSpan(work_.state->theta) : work_.history->at(generation);
}

absl::Span<const float> CarriedPair::MemberTheta(int64_t generation, int sign) {
  const absl::Span<const float> theta = Theta(generation);
  if (sign == 0) return theta;
  perturbation_.Draw(*work_.spec, generation, key_.pair, theta.size());
  return perturbation_.Member(theta, sign);
}

bool CarriedPair::GoesOn() const {
  const int64_t next = generation_ + 1;
  return next < work_.spec->generations() && BoundaryBefore(*work_.spec, next, key_.pair) != Boundary::kReset;
}

}  // namespace seedcast
