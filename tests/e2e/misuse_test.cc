// What the coordinator does with wrong commands, wrong peers and peers that do not behave.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "common/version.h"
#include "tests/e2e/cluster.h"
#include "tests/testing/f32_hello.h"
#include "tests/testing/loopback.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

class MisuseTest : public ClusterTest {
 protected:
  // Exit code and output of a coordinator that is not expected to serve.
  std::pair<int, std::string> RunCoordinator(const std::vector<std::string>& arguments) {
    Process process("coordinator/seedcast-coordinator", arguments);
    const int code = process.Wait();
    return {code, process.Output()};
  }

  // A raw connection that says `bytes`.
  int ConnectAndSend(const std::string& bytes) {
    const int fd = ConnectToLoopback(port_);
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return fd;
  }
};

TEST_F(MisuseTest, UsageErrorsExitWithTwoAndOneLine) {
  EXPECT_EQ(RunCoordinator({"--no-such-flag"}).first, 2);
  EXPECT_EQ(RunCoordinator({"--lease-ttl", "soon"}).first, 2);
  const auto [code, output] = RunCoordinator({"--listen", "0.0.0.0:0", "--store", StoreDirectory()});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(output, HasSubstr("--insecure"));
}

TEST_F(MisuseTest, AWorkerSpeaksPlainTextAcrossANetworkOnlyWhenTold) {
  const std::vector<std::string> remote = {"--coordinator", "coordinator.example.org:7070", "--http", "",
                                           "--check-config"};
  Process refused("worker/seedcast-worker", remote);
  EXPECT_EQ(refused.Wait(), 2);
  EXPECT_THAT(refused.Output(), HasSubstr("coordinator: coordinator.example.org:7070, expected a loopback address"));
  std::vector<std::string> told = remote;
  told.push_back("--insecure");
  EXPECT_EQ(Process("worker/seedcast-worker", told).Wait(), 0);
}

TEST_F(MisuseTest, ASecondCoordinatorOnTheSameStoreIsRefused) {
  StartCoordinator();
  const auto [code, output] = RunCoordinator({"--listen", "127.0.0.1:0", "--store", StoreDirectory()});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, HasSubstr("another coordinator holds store " + StoreDirectory()));
}

TEST_F(MisuseTest, APortInUseIsNamed) {
  StartCoordinator();
  const auto [code, output] = RunCoordinator({"--listen", Address(), "--store", directory_ / "other"});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, HasSubstr("cannot listen on " + Address() + ": Address already in use"));
}

TEST_F(MisuseTest, AnotherProtocolVersionIsRefused) {
  StartCoordinator();
  const auto stub = v1::WorkerService::NewStub(channel_);
  Context context;
  const auto stream = stub->Connect(&context);
  stream->Write(F32HelloMessage("old", kProtocolVersion - 1));
  v1::CoordinatorMessage message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(MisuseTest, GarbageOnThePortDisturbsNobody) {
  StartCoordinator();
  const std::unique_ptr<Process> worker = StartWorker("w0");
  const std::string job_id = Submit(SphereJob(300));
  std::minstd_rand random(1);
  std::string noise(100'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::vector<int> connections;
  for (const std::string& bytes : {std::string(), std::string("GET / HTTP/1.1\r\n\r\n"), noise, preface,
                                   preface + noise, preface + std::string("\0\0\0\4\0\0\0\0\0", 9) + noise}) {
    connections.push_back(ConnectAndSend(bytes));
  }
  EXPECT_EQ(WatchToTheEnd(job_id).version(), 300);
  for (const int fd : connections) close(fd);
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(), 0);
}

// Its queue fills with the other workers' generations; it is cut off and the job does not notice.
TEST_F(MisuseTest, AWorkerThatNeverReadsIsCutOff) {
  StartCoordinator({"--lease-ttl", "2"});
  const auto stub = v1::WorkerService::NewStub(channel_);
  Context context(/*seconds=*/280);
  const auto stuck = stub->Connect(&context);
  ASSERT_TRUE(stuck->Write(F32HelloMessage("stuck")));
  ASSERT_NE(coordinator_->WaitForLine("worker=stuck"), "");
  const std::unique_ptr<Process> worker = StartWorker("w0");
  const std::string job_id = Submit(SphereJob(400, /*population_size=*/1 << 16));
  EXPECT_NE(coordinator_->WaitForLine("\"worker cut off\" worker=stuck", kPatience * absl::Seconds(100)), "");
  const int64_t version = WatchTo(job_id, 0).version();
  EXPECT_GE(WatchTo(job_id, version + 5).version(), version + 5);
  context.TryCancel();
  stuck->Finish();
}

}  // namespace
}  // namespace seedcast
