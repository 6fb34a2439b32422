// The streaming answers of JobService: what the coordinator reports is queued and written. Each object is started,
// written to and deleted on the coordinator's thread, so nothing can report to one that is gone.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/queued_writer.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// How to end each open stream. The coordinator's thread.
class OpenStreams {
 public:
  void Add(void* stream, std::function<void(const absl::Status&)> end) { end_[stream] = std::move(end); }
  void Remove(void* stream) { end_.erase(stream); }
  void EndAll(const absl::Status& reason) {
    for (const auto& [stream, end] : end_) end(reason);
  }

 private:
  std::map<void*, std::function<void(const absl::Status&)>> end_;
};

class WatchStream final : public QueuedWriter<grpc::ServerWriteReactor<v1::JobStatus>, v1::JobStatus> {
 public:
  WatchStream(grpc::CallbackServerContext* context, const v1::JobRequest& request, CoordinatorLoop* loop,
              OpenStreams* streams);

 private:
  void Start(Coordinator& coordinator, const v1::JobRequest& request, absl::Time now);
  void Report(const v1::JobStatus& status);
  void OnDone() override;

  CoordinatorLoop& loop_;
  OpenStreams& streams_;
  std::optional<int64_t> watch_id_;
};

class EvaluateStream final
    : public QueuedWriter<grpc::ServerWriteReactor<v1::EvaluateJobProgress>, v1::EvaluateJobProgress> {
 public:
  EvaluateStream(grpc::CallbackServerContext* context, const v1::EvaluateJobRequest& request, CoordinatorLoop* loop,
                 OpenStreams* streams);

 private:
  void Start(Coordinator& coordinator, const v1::EvaluateJobRequest& request, absl::Time now);
  void Report(const absl::StatusOr<v1::EvaluateJobProgress>& progress);
  void OnDone() override;

  CoordinatorLoop& loop_;
  OpenStreams& streams_;
  std::optional<int64_t> evaluation_id_;
  bool over_ = false;  // the coordinator has reported its last
};

}  // namespace seedcast
