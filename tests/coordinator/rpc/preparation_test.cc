// What a job needs before the coordinator sees it may take minutes to come; who does not need it does not wait.
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

#include "absl/synchronization/notification.h"
#include "coordinator/rpc/front.h"
#include "coordinator/rpc/job_service.h"
#include "coordinator/rpc/worker_registry.h"
#include "coordinator/store/store.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

class PreparationTest : public ::testing::Test {
 protected:
  PreparationTest()
      : store_(MakeMemoryStore()),
        coordinator_(Options(), store_.get(), &workers_),
        recovered_(coordinator_.Recover(clock_.Now())),
        loop_(&coordinator_, &clock_, [](absl::Time) {}),
        service_(&loop_, [this](const v1::JobSpec& spec) { return MakeReady(spec); }) {
    EXPECT_TRUE(recovered_.ok()) << recovered_;
    FrontOptions options;
    options.buffers = &buffers_;
    options.services = {&service_};
    SetUpGrpc(/*reflection=*/false);
    auto front = GrpcFront::Start(options);
    EXPECT_TRUE(front.ok()) << front.status();
    front_ = *std::move(front);
    jobs_ = v1::JobService::NewStub(front_->InProcessChannel());
  }
  ~PreparationTest() override {
    front_->Shutdown(std::chrono::seconds(0));
    loop_.Stop();
  }

  static CoordinatorOptions Options() {
    CoordinatorOptions options;
    options.make_task = [](const v1::JobSpec& spec) { return MakeTask(spec, nullptr); };
    options.prepare = [](v1::JobSpec*) { return absl::OkStatus(); };
    return options;
  }

  absl::Status MakeReady(const v1::JobSpec& spec) {
    if (!spec.has_proto_net()) return absl::OkStatus();
    if (spec.proto_net().dataset() != v1::ProtoNetTask::GLYPHS) return absl::UnavailableError("no others today");
    EXPECT_EQ(++preparing_glyphs_, 1) << "two at a time";
    if (!glyphs_begin_.HasBeenNotified()) glyphs_begin_.Notify();
    glyphs_came_.WaitForNotification();
    --preparing_glyphs_;
    return absl::UnavailableError("no glyphs today");
  }

  grpc::Status Submit(const v1::JobSpec& spec) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::SubmitJobRequest request;
    *request.mutable_spec() = spec;
    v1::JobStatus status;
    return jobs_->SubmitJob(&context, request, &status);
  }
  static v1::JobSpec Of(v1::ProtoNetTask::Dataset dataset) {
    v1::JobSpec spec;
    spec.mutable_proto_net()->set_dataset(dataset);
    return spec;
  }

  std::atomic<int> preparing_glyphs_ = 0;
  absl::Notification glyphs_begin_, glyphs_came_;
  const SteadyClock clock_;
  const std::unique_ptr<Store> store_;
  WorkerRegistry workers_{absl::ZeroDuration()};  // nobody joins
  Coordinator coordinator_;
  const absl::Status recovered_;
  CoordinatorLoop loop_;
  JobServiceImpl service_;
  ReceiveBuffers buffers_;
  std::unique_ptr<GrpcFront> front_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
};

TEST_F(PreparationTest, JobsOfOneDataSetWaitForItTogetherAndOthersDoNot) {
  const auto submit_glyphs = [this] { return Submit(Of(v1::ProtoNetTask::GLYPHS)); };
  std::future<grpc::Status> first = std::async(std::launch::async, submit_glyphs);
  glyphs_begin_.WaitForNotification();
  std::future<grpc::Status> second = std::async(std::launch::async, submit_glyphs);

  v1::JobSpec sphere;
  sphere.mutable_sphere();
  sphere.set_generations(1);
  EXPECT_TRUE(Submit(sphere).ok()) << "needs no data";
  EXPECT_EQ(Submit(Of(v1::ProtoNetTask::OMNIGLOT)).error_message(), "no others today") << "needs other data";
  EXPECT_EQ(first.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);

  glyphs_came_.Notify();
  EXPECT_EQ(first.get().error_message(), "no glyphs today");
  EXPECT_EQ(second.get().error_message(), "no glyphs today");
}

}  // namespace
}  // namespace seedcast
