#include "worker/tasks/learned_optimizer/problems/batches.h"

#include <numeric>
#include <utility>

namespace seedcast {

absl::Span<const int> Batches::Samples(int64_t batch) {
  const int64_t per_epoch = static_cast<int64_t>(order_.size()) / batch_size_;
  if (batch / per_epoch != epoch_) Shuffle(batch / per_epoch);
  return absl::MakeConstSpan(order_).subspan(batch % per_epoch * batch_size_, batch_size_);
}

void Batches::Shuffle(int64_t epoch) {
  epoch_ = epoch;
  PhiloxStream random = seed_.Stream(ProblemSeed::Purpose::kShuffle, epoch);
  std::iota(order_.begin(), order_.end(), 0);
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.Below(i)]);
}

}  // namespace seedcast
