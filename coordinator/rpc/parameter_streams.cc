#include "coordinator/rpc/parameter_streams.h"

#include <vector>

namespace seedcast {
namespace {

constexpr int64_t kMaxBatchRecords = 256;
constexpr int64_t kMaxBatchBytes = 4 << 20;

}  // namespace

LogStream::LogStream(grpc::CallbackServerContext* context, const v1::GetLogRequest& request, CoordinatorLoop* loop,
                     TransferredBytes* transferred)
    : QueuedWriter(context), loop_(*loop), transferred_(*transferred), rest_(request) {
  OnQueueEmpty();
}

void LogStream::OnQueueEmpty() {
  if (!Hold()) return;
  loop_.Post([this](Coordinator& coordinator, absl::Time) {
    FetchBatch(coordinator);
    Release();
  });
}

void LogStream::OnDone() {
  loop_.Post([this](Coordinator&, absl::Time) { delete this; });
}

void LogStream::FetchBatch(Coordinator& coordinator) {
  absl::StatusOr<std::vector<v1::GenerationRecord>> batch = coordinator.Log(rest_, batch_limit_);
  if (!batch.ok() || batch->empty()) return End(batch.status());
  int64_t bytes = 0;
  for (const v1::GenerationRecord& record : *batch) bytes += static_cast<int64_t>(record.ByteSizeLong());
  coordinator.CountBytes(rest_.job_id(), bytes);
  transferred_.Add(TransferredBytes::kSent, TransferredBytes::kLog, bytes);
  const int64_t record_bytes = bytes / static_cast<int64_t>(batch->size()) + 1;
  batch_limit_ = std::clamp<int64_t>(kMaxBatchBytes / record_bytes, 1, kMaxBatchRecords);
  const int64_t next = batch->back().generation() + 1;
  rest_.set_from_generation(next);
  const bool last = rest_.to_generation() != 0 && next >= rest_.to_generation();
  Write(*std::move(batch));
  if (last) End(absl::OkStatus());
}

}  // namespace seedcast
