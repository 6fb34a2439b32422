// A coordinator in this process with clients and workers on in-process channels.
#pragma once

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/server.h"
#include "seedcast/v1/job.grpc.pb.h"
#include "seedcast/v1/parameters.grpc.pb.h"
#include "seedcast/v1/worker.grpc.pb.h"
#include "worker/runtime/grpc_transport.h"
#include "worker/runtime/worker.h"

namespace seedcast {

class ServerTest : public ::testing::Test {
 protected:
  // A call that hangs is a failure, not a hanging test.
  struct Context : grpc::ClientContext {
    Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60)); }
  };

  void SetUp() override { StartServer({}); }

  void StartServer(const ServerOptions& options) {
    auto server = CoordinatorServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = server_->InProcessChannel();
    jobs_ = v1::JobService::NewStub(channel_);
    parameters_ = v1::ParameterService::NewStub(channel_);
    workers_ = v1::WorkerService::NewStub(channel_);
  }

  static v1::SubmitJobRequest SphereJob(int64_t generations, int32_t dimension = 50) {
    v1::SubmitJobRequest request;
    request.mutable_spec()->set_name("sphere");
    request.mutable_spec()->mutable_sphere()->set_dimension(dimension);
    request.mutable_spec()->mutable_strategy()->set_population_size(32);
    request.mutable_spec()->set_generations(generations);
    return request;
  }

  v1::JobStatus Submit(const v1::SubmitJobRequest& request) {
    Context context;
    v1::JobStatus status;
    const grpc::Status called = jobs_->SubmitJob(&context, request, &status);
    EXPECT_TRUE(called.ok()) << called.error_message();
    return status;
  }

  v1::JobStatus WatchToTheEnd(const std::string& job_id) {
    Context context;
    v1::JobRequest request;
    request.set_job_id(job_id);
    const auto stream = jobs_->WatchJob(&context, request);
    v1::JobStatus status;
    while (stream->Read(&status)) continue;
    const grpc::Status ended = stream->Finish();
    EXPECT_TRUE(ended.ok()) << ended.error_message();
    return status;
  }

  std::unique_ptr<Worker> StartWorker(const std::string& id, int slots = 1) {
    WorkerOptions options;
    options.id = id;
    options.slots = slots;
    auto worker = std::make_unique<Worker>(options, MakeGrpcTransport(channel_, channel_));
    worker->Start();
    return worker;
  }

  static void Drain(Worker& worker) {
    worker.RequestDrain();
    EXPECT_TRUE(worker.Join().ok());
  }

  std::unique_ptr<CoordinatorServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ParameterService::Stub> parameters_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
};

}  // namespace seedcast
