// Inner trainings under way, for estimators that carry them from generation to generation: a cache. What it has lost is
// unrolled again from the thetas of the generations since the pair's reset (carried_pair.h), to the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/bounded_cache.h"
#include "worker/tasks/task.h"

namespace seedcast {

// Whose inner training it is. `job` is a number that its worker gives out once, so that an id used again is another
// job.
struct InnerKey {
  int64_t job;
  int cluster;
  int64_t pair;
  auto operator<=>(const InnerKey&) const = default;  // NOLINT(modernize-use-nullptr): there is none
};

// One inner training. Once an unroll of it has failed it stays failed, with that error, until the pair's reset.
struct InnerTraining {
  std::unique_ptr<InnerState> state;
  absl::Status status;
};

// The inner trainings of one pair at the start of `generation`: one, unperturbed, for TRUNCATED_ES and GRADIENT; those
// of the first and the second member for PES and NRES.
struct InnerTrainings {
  int64_t generation;
  std::vector<InnerTraining> members;

  int64_t Bytes() const;
};

// Thread-safe. What a slot works on is moved out while it does, and counts in nobody's bytes.
class InnerStates {
 public:
  // Beyond max_bytes the least recently put are dropped.
  explicit InnerStates(int64_t max_bytes) : trainings_(max_bytes) {}

  // Those of this key if their generation is one of first .. last, else nothing; newer ones stay.
  std::optional<InnerTrainings> Take(const InnerKey& key, int64_t first, int64_t last) ABSL_LOCKS_EXCLUDED(mutex_);
  // Replaces what is here, unless that is newer.
  void Put(const InnerKey& key, InnerTrainings trainings) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(int64_t job) ABSL_LOCKS_EXCLUDED(mutex_);

  // A pair's trainings had to be unrolled again over `generations` generations.
  void CountRebuilt(int64_t generations) ABSL_LOCKS_EXCLUDED(mutex_);

  struct Stats {
    int64_t hits = 0;  // Take gave what was asked for
    int64_t rebuilt_states = 0;
    int64_t rebuilt_generations = 0;
    int64_t bytes = 0;  // held now
  };
  Stats stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  BoundedCache<InnerKey, InnerTrainings> trainings_ ABSL_GUARDED_BY(mutex_);
  Stats stats_ ABSL_GUARDED_BY(mutex_);  // without bytes
};

}  // namespace seedcast
