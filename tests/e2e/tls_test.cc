// Mutual TLS between the real processes: who may do what, renewal without restart, probes without a certificate.
#include <gmock/gmock.h>
#include <signal.h>

#include "absl/strings/str_split.h"
#include "common/tls/credentials.h"
#include "coordinator/rpc/health_client.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/shell.h"
#include "tests/testing/certificates.h"

namespace seedcast {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class TlsTest : public ClusterTest {
 protected:
  void SetUp() override {
    for (const Role role : kAllRoles) IssueLeaf(directory_ / "certs", role);
  }

  TlsFiles Files(Role role) const { return LeafFiles(directory_ / "certs/" + std::string(RoleName(role))); }
  std::vector<std::string> Flags(Role role) const { return absl::StrSplit(TlsOptions(Files(role)), ' '); }

  // On a connection of its own.
  std::unique_ptr<v1::JobService::Stub> JobsAs(const TlsFiles& files) const {
    grpc::ChannelArguments alone;
    alone.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::JobService::NewStub(grpc::CreateCustomChannel(Address(), MakeChannelCredentials(files), alone));
  }
  grpc::Status ListAs(const TlsFiles& files) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::ListJobsResponse response;
    return JobsAs(files)->ListJobs(&context, {}, &response);
  }
};

TEST_F(TlsTest, AJobRunsToItsEndAndARoleDoesWhatItMay) {
  StartCoordinator(Flags(Role::kCoordinator));
  std::vector<std::string> arguments = {"--coordinator", Address(), "--id", "w0", "--slots", "1"};
  for (const std::string& flag : Flags(Role::kWorker)) arguments.push_back(flag);
  Process worker("worker/seedcast-worker", arguments);
  EXPECT_NE(coordinator_->WaitForLine("worker=w0"), "") << worker.Output();
  jobs_ = JobsAs(Files(Role::kSubmitter));
  const std::string job_id = Submit(SphereJob(20));
  jobs_ = JobsAs(Files(Role::kObserver));
  EXPECT_EQ(WatchToTheEnd(job_id).version(), 20);

  Context context;
  v1::JobRequest request;
  request.set_job_id(job_id);
  v1::JobStatus status;
  const grpc::Status cancelled = jobs_->CancelJob(&context, request, &status);
  EXPECT_EQ(cancelled.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(cancelled.error_message(), "observer 'observer' may not call /seedcast.v1.JobService/CancelJob");
  EXPECT_NE(coordinator_->WaitForLine("\"call denied\" certificate=seedcast://role/observer/observer"), "");
  EXPECT_EQ(ListAs(Files(Role::kWorker)).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ListAs({}).error_code(), grpc::StatusCode::UNAVAILABLE) << "plain text";
}

TEST_F(TlsTest, AWorkerWithAnotherRoleIsRefusedAndSaysSo) {
  StartCoordinator(Flags(Role::kCoordinator));
  const ShellResult result =
      Shell("timeout 30 $WORKER --coordinator " + Address() + " " + TlsOptions(Files(Role::kSubmitter)));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("may not call /seedcast.v1.WorkerService/Connect"));
}

TEST_F(TlsTest, APeerOfAnotherAuthorityFindsTheReasonInTheLogs) {
  StartCoordinator(Flags(Role::kCoordinator));
  const TlsFiles stranger = IssueLeaf(directory_ / "others", Role::kWorker);
  std::vector<std::string> arguments = {"--coordinator", Address(), "--id", "w0", "--slots", "1"};
  const std::vector<std::string> flags = absl::StrSplit(TlsOptions(stranger), ' ');
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  Process worker("worker/seedcast-worker", arguments);
  EXPECT_THAT(worker.WaitForLine("certificate verify failed"), HasSubstr("warning")) << worker.Output();

  TlsFiles half = stranger;  // believes the coordinator, and is not believed
  half.authority = Files(Role::kWorker).authority;
  EXPECT_FALSE(ListAs(half).ok());
  EXPECT_THAT(coordinator_->WaitForLine("certificate verify failed"), HasSubstr("warning")) << coordinator_->Output();
}

// Its certificate runs out while it serves; the new one in its place is taken up by the same process.
TEST_F(TlsTest, ARenewedCertificateIsTakenUpWithoutARestart) {
  constexpr absl::Duration kLeft = absl::Seconds(8);
  const absl::Time start = absl::Now();
  IssueLeaf(directory_ / "certs", Role::kCoordinator, start + kLeft - absl::Minutes(1), absl::Minutes(1));
  StartCoordinator(Flags(Role::kCoordinator));
  EXPECT_TRUE(ListAs(Files(Role::kAdmin)).ok());
  absl::SleepFor(start + kLeft + absl::Seconds(1) - absl::Now());  // its end is a time by the wall clock
  EXPECT_FALSE(ListAs(Files(Role::kAdmin)).ok());
  IssueLeaf(directory_ / "certs", Role::kCoordinator);
  const absl::Time renewed = absl::Now();
  while (!ListAs(Files(Role::kAdmin)).ok() && absl::Now() < renewed + absl::Seconds(30)) continue;
  EXPECT_LT(absl::Now() - renewed, kCertificateRefresh + absl::Seconds(8));
  EXPECT_TRUE(ListAs(Files(Role::kAdmin)).ok());
}

TEST_F(TlsTest, HealthIsAnsweredWithAndWithoutACertificate) {
  std::vector<std::string> arguments = Flags(Role::kCoordinator);
  arguments.insert(arguments.end(), {"--health-listen", "127.0.0.1:0"});
  StartCoordinator(arguments);
  const std::string line = coordinator_->WaitForLine("health=127.0.0.1:");
  const size_t begin = line.find("health=") + 7;
  const std::string health = line.substr(begin, line.find(' ', begin) - begin);
  const auto ask = [](const std::string& address, const TlsFiles& files) {
    return AskHealth(grpc::CreateChannel(address, MakeChannelCredentials(files)), absl::Seconds(5));
  };
  EXPECT_TRUE(ask(Address(), Files(Role::kCoordinator)).ok());
  EXPECT_TRUE(ask(Address(), Files(Role::kObserver)).ok());
  EXPECT_TRUE(ask(health, {}).ok());
  EXPECT_FALSE(ask(Address(), {}).ok()) << "in plain text";

  const auto jobs = v1::JobService::NewStub(grpc::CreateChannel(health, grpc::InsecureChannelCredentials()));
  Context context;
  v1::ListJobsResponse response;
  EXPECT_EQ(jobs->ListJobs(&context, {}, &response).error_code(), grpc::StatusCode::UNIMPLEMENTED)
      << "nothing but health is answered there";
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(), 0);
  EXPECT_FALSE(ask(health, {}).ok());
}

TEST_F(TlsTest, CertificatesOfTheCommandLineToolWorkInTheCommandLineTool) {
  const std::string certs = directory_ / "made";
  ASSERT_EQ(Shell("$CLI certs " + certs + " --host coordinator.example --days 7").exit_code, 0);
  const auto flags = [&](const std::string& role) { return TlsOptions(LeafFiles(certs + "/" + role)); };
  StartCoordinator(absl::StrSplit(flags("coordinator"), ' '));
  EXPECT_EQ(Shell("$CLI list --coordinator " + Address() + " " + flags("observer")).exit_code, 0);
  const std::string by_environment = "SEEDCAST_TLS_CERT=" + certs + "/worker/tls.crt SEEDCAST_TLS_KEY=" + certs +
                                     "/worker/tls.key SEEDCAST_TLS_CA=" + certs + "/ca.crt ";
  const ShellResult denied = Shell(by_environment + "$CLI list --coordinator " + Address());
  EXPECT_EQ(denied.exit_code, 1);
  EXPECT_EQ(denied.output, "seedcast: worker 'worker' may not call /seedcast.v1.JobService/ListJobs\n");
  const ShellResult plain = Shell("$CLI list --coordinator " + Address());
  EXPECT_EQ(plain.exit_code, 3);
  EXPECT_THAT(plain.output, HasSubstr("TLS on at both ends or at none?"));
}

}  // namespace
}  // namespace seedcast
