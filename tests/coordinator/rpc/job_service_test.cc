#include <gmock/gmock.h>

#include <thread>

#include "tests/coordinator/rpc/server_fixture.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using JobServiceTest = ServerTest;

TEST_F(JobServiceTest, RunsAJobToItsEnd) {
  const auto worker = StartWorker("w1");
  const v1::JobStatus submitted = Submit(SphereJob(20));
  EXPECT_EQ(submitted.job_id(), "sphere-1");
  const v1::JobStatus last = WatchToTheEnd(submitted.job_id());
  EXPECT_EQ(last.state(), v1::SUCCEEDED);
  EXPECT_EQ(last.version(), 20);
  EXPECT_GT(last.bytes_per_generation(), 32 * 4);
  Drain(*worker);
}

TEST_F(JobServiceTest, ErrorsCarryCodeAndMessage) {
  v1::JobStatus status;
  {
    Context context;
    v1::JobRequest request;
    request.set_job_id("nothing-7");
    const grpc::Status called = jobs_->GetJob(&context, request, &status);
    EXPECT_EQ(called.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_THAT(called.error_message(), HasSubstr("nothing-7"));
  }
  {
    Context context;
    v1::SubmitJobRequest request = SphereJob(10);
    request.mutable_spec()->mutable_strategy()->set_population_size(7);
    const grpc::Status called = jobs_->SubmitJob(&context, request, &status);
    EXPECT_EQ(called.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(called.error_message(), HasSubstr("strategy.population_size: 7"));
  }
  {
    Context context;
    v1::SubmitJobRequest request = SphereJob(10);
    request.set_idempotency_key(std::string(1 << 20, 'k'));
    EXPECT_EQ(jobs_->SubmitJob(&context, request, &status).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
}

TEST_F(JobServiceTest, ALongMessageIsCutAndNotTheCall) {
  Context context;
  v1::JobRequest request;
  request.set_job_id(std::string(20'000, '"'));
  v1::JobStatus status;
  EXPECT_EQ(jobs_->GetJob(&context, request, &status).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobServiceTest, PausesResumesCancelsAndLists) {
  v1::JobRequest request;
  request.set_job_id(Submit(SphereJob(1000)).job_id());
  v1::JobStatus status;
  {
    Context context;
    ASSERT_TRUE(jobs_->PauseJob(&context, request, &status).ok());
    EXPECT_EQ(status.state(), v1::PAUSED);
  }
  {
    Context context;
    ASSERT_TRUE(jobs_->ResumeJob(&context, request, &status).ok());
    EXPECT_EQ(status.state(), v1::RUNNING);
  }
  {
    Context context;
    ASSERT_TRUE(jobs_->CancelJob(&context, request, &status).ok());
    EXPECT_EQ(status.state(), v1::CANCELLED);
  }
  Context context;
  v1::ListJobsResponse list;
  ASSERT_TRUE(jobs_->ListJobs(&context, {}, &list).ok());
  ASSERT_EQ(list.jobs_size(), 1);
  EXPECT_EQ(list.jobs(0).state(), v1::CANCELLED);
}

TEST_F(JobServiceTest, AWatchBeginsWithTheStatusNowAndEndsWithTheJob) {
  v1::JobRequest request;
  request.set_job_id(Submit(SphereJob(1000)).job_id());
  Context context;
  const auto watch = jobs_->WatchJob(&context, request);
  v1::JobStatus status;
  ASSERT_TRUE(watch->Read(&status));
  EXPECT_EQ(status.state(), v1::RUNNING);
  Context cancel_context;
  v1::JobStatus ignored;
  ASSERT_TRUE(jobs_->CancelJob(&cancel_context, request, &ignored).ok());
  while (watch->Read(&status)) continue;
  EXPECT_TRUE(watch->Finish().ok());
  EXPECT_EQ(status.state(), v1::CANCELLED);
}

TEST_F(JobServiceTest, AWatchOfNoJobIsNotFound) {
  Context context;
  v1::JobRequest request;
  request.set_job_id("nothing-1");
  const auto watch = jobs_->WatchJob(&context, request);
  v1::JobStatus status;
  EXPECT_FALSE(watch->Read(&status));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(JobServiceTest, ManyWatchersMayLeaveAtAnyMoment) {
  v1::JobRequest request;
  request.set_job_id(Submit(SphereJob(300)).job_id());
  const auto worker = StartWorker("w1");
  std::vector<std::thread> watchers;
  for (int w = 0; w < 8; ++w) {
    watchers.emplace_back([this, w, request] {
      for (int round = 0; round < 10; ++round) {
        Context context;
        const auto watch = jobs_->WatchJob(&context, request);
        v1::JobStatus status;
        for (int n = 0; n < w && watch->Read(&status); ++n) continue;
        context.TryCancel();
        watch->Finish();
      }
    });
  }
  for (std::thread& watcher : watchers) watcher.join();
  EXPECT_EQ(WatchToTheEnd(request.job_id()).state(), v1::SUCCEEDED);
  Drain(*worker);
}

TEST_F(JobServiceTest, EvaluatesOnTheWorkers) {
  const auto worker = StartWorker("w1");
  v1::EvaluateJobRequest request;
  request.set_job_id(Submit(SphereJob(5)).job_id());
  WatchToTheEnd(request.job_id());
  request.mutable_spec()->set_episodes(40);
  Context context;
  const auto stream = jobs_->EvaluateJob(&context, request);
  v1::EvaluateJobProgress progress;
  while (stream->Read(&progress)) continue;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(progress.has_result());
  EXPECT_EQ(progress.episodes_done(), 40);
  Drain(*worker);
}

TEST_F(JobServiceTest, AnEvaluationEndsWhenItsClientLeaves) {
  v1::EvaluateJobRequest request;  // no worker: it would wait for ever
  request.set_job_id(Submit(SphereJob(5)).job_id());
  Context context;
  const auto stream = jobs_->EvaluateJob(&context, request);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  server_->Shutdown(absl::Seconds(1));  // returns: nothing is left over
}

}  // namespace
}  // namespace seedcast
