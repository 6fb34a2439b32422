// JobService: each call is handed to the coordinator's thread, which answers it.
#pragma once

#include <array>
#include <functional>

#include "absl/status/status.h"
#include "common/work_thread.h"
#include "coordinator/rpc/job_streams.h"
#include "coordinator/rpc/loop.h"
#include "seedcast/v1/job.grpc.pb.h"

namespace seedcast {

// SubmitJob and ForkJob, whose specs hold lists, take bytes (raw_message.h).
class JobServiceImpl final : public v1::JobService::WithRawCallbackMethod_SubmitJob<
                                 v1::JobService::WithRawCallbackMethod_ForkJob<v1::JobService::CallbackService>> {
 public:
  // Makes ready what a spec needs before the coordinator sees it (its data set: a download may take minutes); runs on
  // threads of its own, for specs of one data set one at a time: the first brings what the others need.
  using MakeReady = std::function<absl::Status(const v1::JobSpec& spec)>;

  // Borrows the loop.
  JobServiceImpl(CoordinatorLoop* loop, MakeReady make_ready) : loop_(*loop), make_ready_(std::move(make_ready)) {}

  // Ends every WatchJob and EvaluateJob. The coordinator's thread.
  void EndStreams(const absl::Status& reason) { streams_.EndAll(reason); }

  using v1::JobService::Service::ForkJob;
  using v1::JobService::Service::SubmitJob;
  grpc::ServerUnaryReactor* SubmitJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ForkJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                   v1::JobStatus* response) override;
  grpc::ServerUnaryReactor* GetHistory(grpc::CallbackServerContext* context, const v1::GetHistoryRequest* request,
                                       v1::GetHistoryResponse* response) override;
  grpc::ServerUnaryReactor* PauseJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                     v1::JobStatus* response) override;
  grpc::ServerUnaryReactor* ResumeJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                      v1::JobStatus* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context, const v1::JobRequest* request,
                                      v1::JobStatus* response) override;
  grpc::ServerWriteReactor<v1::JobStatus>* WatchJob(grpc::CallbackServerContext* context,
                                                    const v1::JobRequest* request) override;
  grpc::ServerWriteReactor<v1::EvaluateJobProgress>* EvaluateJob(grpc::CallbackServerContext* context,
                                                                 const v1::EvaluateJobRequest* request) override;

 private:
  CoordinatorLoop& loop_;
  const MakeReady make_ready_;
  OpenStreams streams_;
  WorkThread& PreparingFor(const v1::JobSpec& spec);

  // One for each data set, after one for the jobs that need none.
  std::array<WorkThread, 1 + v1::ProtoNetTask::Dataset_ARRAYSIZE> preparing_;
};

}  // namespace seedcast
