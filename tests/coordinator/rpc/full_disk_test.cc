// A disk that fills up in the middle of a job: the job stands still, says why, and goes on when there is room.
#include <gmock/gmock.h>

#include "tests/coordinator/rpc/server_fixture.h"
#include "tests/coordinator/store/fault_disk.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

class FullDiskTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.store_directory = directory_.path();
    StartServer(options);
  }
  void TearDown() override { server_.reset(); }  // before its disk

  FaultDisk disk_{FaultDisk::Registration::kDefault};
  TemporaryDirectory directory_;
};

TEST_F(FullDiskTest, AJobWaitsAndThenEndsWithTheSameDigest) {
  const auto worker = StartWorker("w1");
  const v1::SubmitJobRequest request = SphereJob(1500);
  const std::string undisturbed = WatchToTheEnd(Submit(request).job_id()).digest();

  v1::JobRequest job;
  job.set_job_id(Submit(request).job_id());
  disk_.SetCapacity(0);  // no file can grow
  Context context;
  const auto watch = jobs_->WatchJob(&context, job);
  v1::JobStatus status;
  while (watch->Read(&status) && status.message().empty() && status.state() == v1::RUNNING) continue;
  EXPECT_THAT(status.message(), HasSubstr("RESOURCE_EXHAUSTED"));
  EXPECT_LT(status.version(), 1500);
  disk_.SetCapacity(INT64_MAX);
  while (watch->Read(&status)) continue;
  EXPECT_TRUE(watch->Finish().ok());
  EXPECT_EQ(status.state(), v1::SUCCEEDED);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.digest(), undisturbed);
  Drain(*worker);
}

}  // namespace
}  // namespace seedcast
