#include "coordinator/rpc/job_streams.h"

#include "common/spec/job_state.h"

namespace seedcast {

WatchStream::WatchStream(grpc::CallbackServerContext* context, const v1::JobRequest& request, CoordinatorLoop* loop,
                         OpenStreams* streams)
    : QueuedWriter(context), loop_(*loop), streams_(*streams) {
  loop_.Post([this, request](Coordinator& coordinator, absl::Time now) { Start(coordinator, request, now); });
}

void WatchStream::Start(Coordinator& coordinator, const v1::JobRequest& request, absl::Time now) {
  streams_.Add(this, [this](const absl::Status& reason) { End(reason); });
  const absl::StatusOr<int64_t> id = coordinator.Watch(
      request.job_id(), [this](const v1::JobStatus& status) { Report(status); }, now);
  if (!id.ok()) return End(id.status());
  watch_id_ = *id;
}

void WatchStream::Report(const v1::JobStatus& status) {
  WriteNewest(status);
  if (HasEnded(status.state())) End(absl::OkStatus());
}

void WatchStream::OnDone() {
  loop_.Post([this](Coordinator& coordinator, absl::Time) {
    if (watch_id_) coordinator.Unwatch(*watch_id_);
    streams_.Remove(this);
    delete this;
  });
}

EvaluateStream::EvaluateStream(grpc::CallbackServerContext* context, const v1::EvaluateJobRequest& request,
                               CoordinatorLoop* loop, OpenStreams* streams)
    : QueuedWriter(context), loop_(*loop), streams_(*streams) {
  loop_.Post([this, request](Coordinator& coordinator, absl::Time now) { Start(coordinator, request, now); });
}

void EvaluateStream::Start(Coordinator& coordinator, const v1::EvaluateJobRequest& request, absl::Time now) {
  streams_.Add(this, [this](const absl::Status& reason) { End(reason); });
  const absl::StatusOr<int64_t> id = coordinator.Evaluate(
      request, [this](const absl::StatusOr<v1::EvaluateJobProgress>& progress) { Report(progress); }, now);
  if (!id.ok()) return End(id.status());
  evaluation_id_ = *id;
}

void EvaluateStream::Report(const absl::StatusOr<v1::EvaluateJobProgress>& progress) {
  over_ = !progress.ok() || progress->has_result();
  if (!progress.ok()) return End(progress.status());
  WriteNewest(*progress);
  if (over_) End(absl::OkStatus());
}

void EvaluateStream::OnDone() {
  loop_.Post([this](Coordinator& coordinator, absl::Time now) {
    if (evaluation_id_ && !over_) coordinator.CancelEvaluation(*evaluation_id_, now);
    streams_.Remove(this);
    delete this;
  });
}

}  // namespace seedcast
