#include "worker/runtime/inner_states.h"

#include <utility>

namespace seedcast {
namespace {

constexpr int64_t kEntryBytes = 256;  // what an entry takes beside its states, about

}  // namespace

int64_t InnerTrainings::Bytes() const {
  int64_t bytes = kEntryBytes;
  for (const InnerTraining& member : members) bytes += member.state ? member.state->Bytes() : 0;
  return bytes;
}

std::optional<InnerTrainings> InnerStates::Take(const InnerKey& key, int64_t first, int64_t last) {
  absl::MutexLock lock(&mutex_);
  const InnerTrainings* const found = trainings_.Find(key);
  if (found == nullptr || found->generation < first || found->generation > last) return std::nullopt;
  ++stats_.hits;
  return trainings_.Take(key);
}

void InnerStates::Put(const InnerKey& key, InnerTrainings trainings) {
  std::vector<InnerTrainings> dropped;  // freed after the lock
  const int64_t bytes = trainings.Bytes();
  absl::MutexLock lock(&mutex_);
  const InnerTrainings* const present = trainings_.Find(key);
  if (present != nullptr && present->generation > trainings.generation) return;
  dropped = trainings_.Put(key, std::move(trainings), bytes);
}

void InnerStates::Forget(int64_t job) {
  std::vector<InnerTrainings> dropped;  // freed after the lock
  absl::MutexLock lock(&mutex_);
  dropped = trainings_.DropIf([job](const InnerKey& key) { return key.job == job; });
}

void InnerStates::CountRebuilt(int64_t generations) {
  absl::MutexLock lock(&mutex_);
  ++stats_.rebuilt_states;
  stats_.rebuilt_generations += generations;
}

InnerStates::Stats InnerStates::stats() const {
  absl::MutexLock lock(&mutex_);
  Stats stats = stats_;
  stats.bytes = trainings_.bytes();
  return stats;
}

}  // namespace seedcast
