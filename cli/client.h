// A client of a coordinator, wherever it runs: JobService and ParameterService as plain calls.
//
// Calls with one answer wait for a coordinator that is starting again, up to a deadline; streams and submissions end
// with CANCELLED on an interrupt. Errors carry the coordinator's own message; UNAVAILABLE and DEADLINE_EXCEEDED name
// it.
#pragma once

#include <grpcpp/channel.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/strategy/state.h"
#include "seedcast/v1/job.grpc.pb.h"
#include "seedcast/v1/parameters.grpc.pb.h"

namespace seedcast {

class Client {
 public:
  // `name` is how messages call the coordinator.
  Client(std::shared_ptr<grpc::Channel> channel, std::string name);

  absl::StatusOr<v1::JobStatus> Submit(const v1::JobSpec& spec);
  absl::StatusOr<v1::JobStatus> Fork(const std::string& job_id, int64_t version, const v1::JobSpec& spec);
  absl::StatusOr<v1::JobStatus> Get(const std::string& job_id);
  absl::StatusOr<v1::JobStatus> Pause(const std::string& job_id);
  absl::StatusOr<v1::JobStatus> Resume(const std::string& job_id);
  absl::StatusOr<v1::JobStatus> Cancel(const std::string& job_id);
  absl::StatusOr<v1::ListJobsResponse> List();
  // All of it, put together from as many calls as it takes.
  absl::StatusOr<v1::GetHistoryResponse> History(const std::string& job_id);

  // Every status until the job has ended; returns the last one. Survives a restart of the coordinator.
  absl::StatusOr<v1::JobStatus> Watch(const std::string& job_id,
                                      const std::function<void(const v1::JobStatus&)>& on_status);

  absl::StatusOr<v1::EvaluationResult> Evaluate(const v1::EvaluateJobRequest& request,
                                                const std::function<void(const v1::EvaluateJobProgress&)>& on_progress);

  // The newest snapshot at or below a version. DATA_LOSS when its bytes are not what its digest says.
  absl::StatusOr<State> ReadSnapshot(const std::string& job_id, int64_t at_or_below);
  // Records [from, to) in order, until one is refused.
  absl::Status ReadLog(const std::string& job_id, int64_t from, int64_t to,
                       const std::function<absl::Status(const v1::GenerationRecord&)>& on_record);
  absl::StatusOr<std::string> ReadArtifact(const std::string& digest);

  // Ends streams and submissions, those to come too, with CANCELLED: nobody is left to answer them. Any thread.
  void EndCalls();

 private:
  absl::Status Convert(const grpc::Status& status) const;
  // Short calls go on after an interrupt: pausing the job is part of leaving.
  enum class OnInterrupt { kGoOn, kCancel };
  template <typename Response, typename Method, typename Request>
  absl::StatusOr<Response> Call(Method method, const Request& request, absl::Duration deadline,
                                OnInterrupt on_interrupt = OnInterrupt::kGoOn);
  absl::StatusOr<v1::JobStatus> ById(grpc::Status (v1::JobService::Stub::*method)(grpc::ClientContext*,
                                                                                  const v1::JobRequest&,
                                                                                  v1::JobStatus*),
                                     const std::string& job_id);
  // One stream of statuses; `last` holds the newest when it breaks.
  absl::Status WatchOnce(const std::string& job_id, const std::function<void(const v1::JobStatus&)>& on_status,
                         v1::JobStatus* last);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::string name_;
  const std::unique_ptr<v1::JobService::Stub> jobs_;
  const std::unique_ptr<v1::ParameterService::Stub> parameters_;
  std::atomic<bool> ended_ = false;
};

}  // namespace seedcast
