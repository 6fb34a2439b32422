// Mini-batches of a data set: shuffled epochs without replacement; what is left of an epoch is dropped.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

class Batches {
 public:
  // 1 <= batch_size <= samples
  Batches(const ProblemSeed& seed, int samples, int batch_size)
      : seed_(seed), batch_size_(batch_size), order_(samples) {}

  // The samples of mini-batch number `batch`, valid until the next call.
  absl::Span<const int> Samples(int64_t batch);

 private:
  void Shuffle(int64_t epoch);

  ProblemSeed seed_;
  int batch_size_;
  int64_t epoch_ = -1;
  std::vector<int> order_;  // of epoch_
};

}  // namespace seedcast
