// A small cluster of real processes on loopback, and a client of it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "coordinator/server.h"
#include "seedcast/v1/job.grpc.pb.h"
#include "seedcast/v1/worker.grpc.pb.h"
#include "tests/e2e/process.h"
#include "tests/testing/temporary_directory.h"
#include "worker/runtime/grpc_transport.h"
#include "worker/runtime/worker.h"

namespace seedcast {

class ClusterTest : public ::testing::Test {
 protected:
  struct Context : grpc::ClientContext {
    explicit Context(int seconds = 120) {
      set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(kPatience * seconds));
      set_wait_for_ready(true);  // a coordinator that is just being started again
    }
  };

  std::string StoreDirectory() const { return directory_ / "store"; }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }

  // On a free port the first time, on the same one afterwards.
  void StartCoordinator(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--listen",       Address(), "--store",
                                          StoreDirectory(), "--cache", directory_ / "coordinator-cache"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    coordinator_ = std::make_unique<Process>("coordinator/seedcast-coordinator", arguments);
    const std::string line = coordinator_->WaitForLine("serving");
    ASSERT_NE(line, "") << coordinator_->Output();
    const size_t begin = line.find("address=127.0.0.1:") + sizeof("address=127.0.0.1:") - 1;
    ASSERT_TRUE(absl::SimpleAtoi(line.substr(begin, line.find(' ', begin) - begin), &port_)) << line;
    grpc::ChannelArguments reconnect_soon;
    reconnect_soon.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    channel_ = grpc::CreateCustomChannel(Address(), grpc::InsecureChannelCredentials(), reconnect_soon);
    jobs_ = v1::JobService::NewStub(channel_);
  }

  // Each with a cache of its own: it fetches the data set from the coordinator.
  std::unique_ptr<Process> StartWorker(const std::string& id, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--coordinator", Address(), "--id",    id,
                                          "--slots",       "1",       "--cache", directory_ / ("cache-" + id)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto worker = std::make_unique<Process>("worker/seedcast-worker", arguments);
    EXPECT_NE(coordinator_->WaitForLine("worker=" + id), "") << worker->Output();
    return worker;
  }

  std::string Submit(const v1::SubmitJobRequest& request) {
    Context context;
    v1::JobStatus status;
    const grpc::Status called = jobs_->SubmitJob(&context, request, &status);
    EXPECT_TRUE(called.ok()) << called.error_message();
    return status.job_id();
  }

  // Waits until the job has reached a version or has ended.
  v1::JobStatus WatchTo(const std::string& job_id, int64_t version) {
    Context context;
    v1::JobRequest request;
    request.set_job_id(job_id);
    const auto watch = jobs_->WatchJob(&context, request);
    v1::JobStatus status;
    while (watch->Read(&status) && status.version() < version) continue;
    context.TryCancel();
    watch->Finish();
    return status;
  }

  v1::JobStatus WatchToTheEnd(const std::string& job_id) {
    Context context;
    v1::JobRequest request;
    request.set_job_id(job_id);
    const auto watch = jobs_->WatchJob(&context, request);
    v1::JobStatus status;
    while (watch->Read(&status)) continue;
    const grpc::Status ended = watch->Finish();
    EXPECT_TRUE(ended.ok()) << ended.error_message() << "\n" << coordinator_->Output();
    EXPECT_EQ(status.state(), v1::SUCCEEDED) << status.ShortDebugString();
    return status;
  }

  // The digest of the same job in one process that nothing disturbs.
  std::string UndisturbedDigest(const v1::SubmitJobRequest& request) {
    ServerOptions options;
    options.cache_directory = directory_ / "undisturbed-cache";
    auto server = CoordinatorServer::Start(options);
    EXPECT_TRUE(server.ok()) << server.status();
    const std::shared_ptr<grpc::Channel> channel = (*server)->InProcessChannel();
    WorkerOptions worker_options;
    worker_options.id = "undisturbed";
    worker_options.slots = 2;
    worker_options.cache_directory = options.cache_directory;
    Worker worker(worker_options, MakeGrpcTransport(channel, channel));
    worker.Start();
    std::unique_ptr<v1::JobService::Stub> cluster = std::exchange(jobs_, v1::JobService::NewStub(channel));
    const std::string digest = WatchToTheEnd(Submit(request)).digest();
    jobs_ = std::move(cluster);
    worker.RequestDrain();
    EXPECT_TRUE(worker.Join().ok());
    EXPECT_EQ(digest.size(), 64u);
    return digest;
  }

  static v1::SubmitJobRequest SphereJob(int64_t generations, int64_t population_size = 256) {
    v1::SubmitJobRequest request;
    request.mutable_spec()->set_name("sphere");
    request.mutable_spec()->mutable_sphere()->set_dimension(500);
    request.mutable_spec()->mutable_sphere()->set_fitness_noise(0.1);
    request.mutable_spec()->mutable_strategy()->set_population_size(population_size);
    request.mutable_spec()->set_generations(generations);
    return request;
  }

  // Its inner trainings go on for 20 generations each, on whichever worker.
  static v1::SubmitJobRequest InfluenceJob(int64_t generations, v1::Strategy::Estimator estimator) {
    v1::SubmitJobRequest request;
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_name("influence");
    spec.mutable_influence()->mutable_unroll()->set_steps(100);
    spec.mutable_influence()->mutable_unroll()->set_count(20);
    spec.mutable_strategy()->set_estimator(estimator);
    spec.mutable_strategy()->set_population_size(256);
    spec.set_generations(generations);
    return request;
  }

  // Two clusters of small problems; with carried state an inner training goes on for 4 generations, on whichever
  // worker, and an instance for 8.
  static v1::SubmitJobRequest LearnedOptimizerJob(int64_t generations, v1::Strategy::Estimator estimator) {
    v1::SubmitJobRequest request;
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_name("learned-optimizer");
    for (const auto& [name, problem] : {std::pair("bowls", "bowl(5)"), {"softmax", "softmax(3, 2, 20)"}}) {
      v1::LearnedOptimizerTask::Cluster* cluster = spec.mutable_learned_optimizer()->add_clusters();
      cluster->set_name(name);
      cluster->add_problems(problem);
    }
    spec.mutable_learned_optimizer()->mutable_unroll()->set_steps(5);
    spec.mutable_learned_optimizer()->mutable_unroll()->set_count(4);
    spec.mutable_learned_optimizer()->mutable_unroll()->set_restarts(2);
    spec.mutable_strategy()->set_estimator(estimator);
    spec.mutable_strategy()->set_population_size(8);
    spec.set_generations(generations);
    return request;
  }

  static v1::SubmitJobRequest GlyphsJob(int64_t generations) {
    v1::SubmitJobRequest request;
    v1::JobSpec& spec = *request.mutable_spec();
    spec.set_name("glyphs");
    v1::ProtoNetTask& task = *spec.mutable_proto_net();
    task.set_dataset(v1::ProtoNetTask::GLYPHS);
    task.set_way(5);
    task.set_filters(16);
    spec.mutable_strategy()->set_population_size(64);
    spec.set_generations(generations);
    spec.mutable_validation()->set_every(20);
    spec.mutable_validation()->mutable_episodes()->set_episodes(20);
    return request;
  }

  TemporaryDirectory directory_;
  int port_ = 0;
  std::unique_ptr<Process> coordinator_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

}  // namespace seedcast
