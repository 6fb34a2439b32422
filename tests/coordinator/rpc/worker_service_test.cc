#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "common/version.h"
#include "tests/coordinator/rpc/server_fixture.h"
#include "tests/testing/f32_hello.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

class WorkerServiceTest : public ServerTest {
 protected:
  using Stream = std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>>;

  // The status that the coordinator ends a stream with after `message`.
  grpc::Status EndAfter(const v1::WorkerMessage& message) {
    Context context;
    const Stream stream = workers_->Connect(&context);
    stream->Write(message);
    v1::CoordinatorMessage answer;
    while (stream->Read(&answer)) continue;
    return stream->Finish();
  }

  void ExpectWelcome(const Stream& stream, const std::string& id) {
    ASSERT_TRUE(stream->Write(F32HelloMessage(id)));
    v1::CoordinatorMessage message;
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_TRUE(message.has_welcome()) << message.ShortDebugString();
  }
};

TEST_F(WorkerServiceTest, HelloIsAnsweredByWelcomeAndAClosedStreamByOk) {
  Context context;
  const Stream stream = workers_->Connect(&context);
  ExpectWelcome(stream, "w1");
  stream->WritesDone();
  v1::CoordinatorMessage message;
  while (stream->Read(&message)) continue;
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(WorkerServiceTest, RefusesWhatIsNotAProperHello) {
  v1::WorkerMessage heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_EQ(EndAfter(heartbeat).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(EndAfter({}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(EndAfter(F32HelloMessage("")).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const grpc::Status status = EndAfter(F32HelloMessage("w1", kProtocolVersion + 1));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("protocol"));
}

TEST_F(WorkerServiceTest, ASecondHelloEndsTheStream) {
  Context context;
  const Stream stream = workers_->Connect(&context);
  ExpectWelcome(stream, "w1");
  stream->Write(F32HelloMessage("w1"));
  v1::CoordinatorMessage message;
  while (stream->Read(&message)) continue;
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WorkerServiceTest, ASecondStreamOfOneWorkerReplacesTheFirst) {
  Context first_context, second_context;
  const Stream first = workers_->Connect(&first_context);
  ExpectWelcome(first, "w1");
  const Stream second = workers_->Connect(&second_context);
  ExpectWelcome(second, "w1");
  v1::CoordinatorMessage message;
  EXPECT_FALSE(first->Read(&message));
  EXPECT_EQ(first->Finish().error_code(), grpc::StatusCode::ALREADY_EXISTS);
  Submit(SphereJob(1));  // the second one is served
  ASSERT_TRUE(second->Read(&message));
  EXPECT_TRUE(message.has_job_opened());
  ASSERT_TRUE(second->Read(&message));
  EXPECT_TRUE(message.has_lease());
}

TEST_F(WorkerServiceTest, ARefusedHelloTakesNobodysPlace) {
  Context context;
  const Stream stream = workers_->Connect(&context);
  ExpectWelcome(stream, "w1");
  EXPECT_EQ(EndAfter(F32HelloMessage("w1", kProtocolVersion + 1)).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  Submit(SphereJob(1));  // the first one is still served
  v1::CoordinatorMessage message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_TRUE(message.has_job_opened());
}

TEST_F(WorkerServiceTest, AnErrorOfAMegabyteDoesNotReachTheClients) {
  Context context;
  const Stream stream = workers_->Connect(&context);
  ExpectWelcome(stream, "w1");
  v1::JobRequest request;
  request.set_job_id(Submit(SphereJob(1)).job_id());
  v1::CoordinatorMessage message;
  while (stream->Read(&message) && !message.has_lease()) continue;
  v1::WorkerMessage failed;
  failed.mutable_lease_failed()->set_lease_id(message.lease().lease_id());
  for (int i = 0; i < 500'000; ++i) failed.mutable_lease_failed()->mutable_error()->append("\u00e9");  // two bytes
  ASSERT_TRUE(stream->Write(failed));
  Context watch_context;
  const auto watch = jobs_->WatchJob(&watch_context, request);
  v1::JobStatus status;
  while (watch->Read(&status) && status.numeric_class_note().empty()) continue;
  EXPECT_THAT(status.numeric_class_note(), HasSubstr("worker w1: \u00e9"));
  EXPECT_LT(status.numeric_class_note().size(), 5000u);
}

class ImpatientServerTest : public WorkerServiceTest {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.hello_timeout = absl::Milliseconds(300);
    StartServer(options);
  }
};

TEST_F(ImpatientServerTest, CutsOffAStreamWithoutHello) {
  Context context;
  const Stream stream = workers_->Connect(&context);
  const absl::Time start = absl::Now();
  v1::CoordinatorMessage message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
}

TEST_F(ImpatientServerTest, CutsOffAReplacedStreamThatDoesNotRead) {
  Context first_context, second_context;
  const Stream first = workers_->Connect(&first_context);
  ASSERT_TRUE(first->Write(F32HelloMessage("w1")));
  const Stream second = workers_->Connect(&second_context);
  ExpectWelcome(second, "w1");
  const absl::Time start = absl::Now();
  EXPECT_FALSE(first->Finish().ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
}

TEST_F(ImpatientServerTest, KeepsAWorkerThatHasNothingToSay) {
  Context context;
  const Stream stream = workers_->Connect(&context);
  ExpectWelcome(stream, "w1");
  absl::SleepFor(absl::Seconds(1));
  Submit(SphereJob(1));
  v1::CoordinatorMessage message;
  EXPECT_TRUE(stream->Read(&message));
}

TEST_F(WorkerServiceTest, WorkGoesOnWhenAWorkerVanishesInTheMiddleOfALease) {
  const std::string job_id = Submit(SphereJob(10)).job_id();
  {
    Context context;
    const Stream stream = workers_->Connect(&context);
    ExpectWelcome(stream, "vanishes");
    v1::CoordinatorMessage message;
    while (stream->Read(&message) && !message.has_lease()) continue;
    context.TryCancel();
    stream->Finish();
  }
  const auto worker = StartWorker("stays");
  EXPECT_EQ(WatchToTheEnd(job_id).state(), v1::SUCCEEDED);
  Drain(*worker);
}

TEST_F(WorkerServiceTest, TheDigestDoesNotDependOnTheWorkers) {
  std::vector<std::string> digests;
  for (const int workers : {1, 3}) {
    std::vector<std::unique_ptr<Worker>> running;
    for (int w = 0; w < workers; ++w) running.push_back(StartWorker(std::to_string(w), /*slots=*/2));
    digests.push_back(WatchToTheEnd(Submit(SphereJob(30)).job_id()).digest());
    for (const auto& worker : running) Drain(*worker);
  }
  EXPECT_EQ(digests[0], digests[1]);
}

}  // namespace
}  // namespace seedcast
