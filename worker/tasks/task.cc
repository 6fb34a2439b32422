#include "worker/tasks/task.h"

namespace seedcast {
namespace {

absl::Status NoUnrolls() {
  return absl::FailedPreconditionError("this task has no unrolls, expected the estimator FULL_ES");
}

}  // namespace

absl::StatusOr<std::unique_ptr<InnerState>> Evaluator::Begin(absl::Span<const float>, const EpisodeKey&) {
  return NoUnrolls();
}

absl::StatusOr<float> Evaluator::Unroll(absl::Span<const float>, int64_t, InnerState*) { return NoUnrolls(); }

absl::StatusOr<float> Evaluator::UnrollGradient(absl::Span<const float>, int64_t, InnerState*, absl::Span<float>) {
  return NoUnrolls();
}

// Most evaluations keep nothing.
absl::Status Task::CheckMemory(int64_t) const { return absl::OkStatus(); }

}  // namespace seedcast
