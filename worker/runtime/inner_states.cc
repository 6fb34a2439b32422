#include "worker/runtime/inner_states.h"

#include <limits>
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
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const int64_t generation = found->second.trainings.generation;
  if (generation < first || generation > last) return std::nullopt;
  ++stats_.hits;
  return Remove(found);
}

void InnerStates::Put(const InnerKey& key, InnerTrainings trainings) {
  std::vector<InnerTrainings> dropped;  // freed after the lock
  absl::MutexLock lock(&mutex_);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    if (found->second.trainings.generation > trainings.generation) return;
    dropped.push_back(Remove(found));
  }
  const int64_t bytes = trainings.Bytes();
  entries_.emplace(key, Entry{std::move(trainings), bytes, by_age_.insert(by_age_.end(), key)});
  stats_.bytes += bytes;
  while (stats_.bytes > max_bytes_) dropped.push_back(Remove(entries_.find(by_age_.front())));
}

void InnerStates::Forget(int64_t job) {
  absl::MutexLock lock(&mutex_);
  const auto begin = entries_.lower_bound({job, std::numeric_limits<int>::min(), std::numeric_limits<int64_t>::min()});
  for (auto entry = begin; entry != entries_.end() && entry->first.job == job;) Remove(entry++);
}

InnerTrainings InnerStates::Remove(Entries::iterator entry) {
  InnerTrainings trainings = std::move(entry->second.trainings);
  stats_.bytes -= entry->second.bytes;
  by_age_.erase(entry->second.age);
  entries_.erase(entry);
  return trainings;
}

void InnerStates::CountRebuilt(int64_t generations) {
  absl::MutexLock lock(&mutex_);
  ++stats_.rebuilt_states;
  stats_.rebuilt_generations += generations;
}

InnerStates::Stats InnerStates::stats() const {
  absl::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace seedcast
