// Mutual TLS between the real processes: who may do what, renewal without restart, probes without a certificate.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/str_split.h"
#include "common/tls/certificate_authority.h"
#include "common/tls/credentials.h"
#include "common/tls/probe.h"
#include "coordinator/rpc/health_client.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/shell.h"
#include "tests/testing/certificates.h"
#include "tests/testing/read_text.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

class TlsTest : public ClusterTest {
 protected:
  void SetUp() override {
    for (const Role role : kAllRoles) IssueLeaf(directory_ / "certs", role);
  }

  TlsFiles Files(Role role) const { return LeafFiles(directory_ / "certs/" + std::string(RoleName(role))); }
  std::vector<std::string> Flags(Role role) const { return absl::StrSplit(TlsOptions(Files(role)), ' '); }

  // A connection of its own.
  std::shared_ptr<grpc::Channel> ChannelAs(const TlsFiles& files) const {
    grpc::ChannelArguments alone;
    alone.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(Address(), MakeChannelCredentials(files), alone);
  }
  std::unique_ptr<v1::JobService::Stub> JobsAs(const TlsFiles& files) const {
    return v1::JobService::NewStub(ChannelAs(files));
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

TEST_F(TlsTest, AStreamOfAnotherRoleIsRefused) {
  StartCoordinator(Flags(Role::kCoordinator));
  const auto workers = v1::WorkerService::NewStub(ChannelAs(Files(Role::kSubmitter)));
  Context context;
  const grpc::Status refused = workers->Connect(&context)->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("may not call /seedcast.v1.WorkerService/Connect"));
}

TEST_F(TlsTest, AnotherAuthorityOrHostIsOneClearLine) {
  const auto authority = CertificateAuthority::OpenOrCreate(directory_ / "certs", absl::Now());
  ASSERT_TRUE(authority.ok()) << authority.status();
  ASSERT_TRUE(authority->Issue({{Role::kCoordinator, "elsewhere"}, {"coordinator.example"}}, absl::Now()).ok());
  const TlsFiles elsewhere = LeafFiles(directory_ / "certs/elsewhere");
  const TlsFiles stranger = IssueLeaf(directory_ / "others", Role::kWorker);
  const struct {
    TlsFiles served, peer;
    std::string says;
  } cases[] = {
      {Files(Role::kCoordinator), stranger,
       "the certificate of the coordinator is not of the authority in tls-ca " + stranger.authority +
           ", or not valid now (seedcast doctor tells which)"},
      {elsewhere, Files(Role::kWorker),
       "the certificate of the coordinator is not for the host 127.0.0.1 (seedcast certs DIR --host 127.0.0.1 makes "
       "one "
       "that is)"},
  };
  for (const auto& c : cases) {
    StartCoordinator(absl::StrSplit(TlsOptions(c.served), ' '));
    const ShellResult list = Shell("$CLI list --coordinator " + Address() + " " + TlsOptions(c.peer));
    EXPECT_EQ(list.exit_code, 3);
    EXPECT_EQ(list.output, "seedcast: coordinator " + Address() + " cannot be reached: " + c.says + "\n");
    std::vector<std::string> arguments = {"--coordinator", Address(), "--id", "w0", "--slots", "1"};
    const std::vector<std::string> flags = absl::StrSplit(TlsOptions(c.peer), ' ');
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    Process worker("worker/seedcast-worker", arguments);
    EXPECT_THAT(worker.WaitForLine(c.says), HasSubstr("warning")) << worker.Output();
  }
}

TEST_F(TlsTest, ThatAPeerIsNotBelievedStandsInTheCoordinatorsLog) {
  StartCoordinator(Flags(Role::kCoordinator));
  TlsFiles half = IssueLeaf(directory_ / "others", Role::kWorker);  // believes the coordinator, and is not believed
  const std::string both = directory_ / "both.crt";
  std::ofstream(both) << ReadText(half.authority) << ReadText(Files(Role::kWorker).authority);
  half.authority = both;
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

// Files that are overwritten where they stand, as by `cp`, while the processes run that use them.
class OverwrittenFilesTest : public TlsTest {
 protected:
  // Longer than gRPC takes to look at what it was given.
  static constexpr absl::Duration kLookedAt = absl::Milliseconds(1500);

  static void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  }
  TlsFiles CopyOf(Role role) const {
    const std::string folder = directory_ / "copies/" + std::string(RoleName(role));
    std::filesystem::create_directories(folder);
    TlsFiles copies = LeafFiles(folder);
    Copy(Files(role).certificate, copies.certificate);
    Copy(Files(role).key, copies.key);
    Copy(Files(role).authority, copies.authority);
    return copies;
  }
  // That the coordinator shows to those who connect now.
  absl::Time ServedUntil() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const auto peer = ProbeTls(fd, "127.0.0.1", Files(Role::kObserver), absl::Seconds(5));
    close(fd);
    EXPECT_TRUE(peer.ok() && peer->verified.ok()) << peer.status();
    return peer.ok() ? peer->not_after : absl::InfinitePast();
  }
};

TEST_F(OverwrittenFilesTest, ACoordinatorGoesOnWithTheLastThatWereRight) {
  const TlsFiles files = CopyOf(Role::kCoordinator);
  StartCoordinator(absl::StrSplit(TlsOptions(files), ' '));
  const absl::Time end = ServedUntil();
  const std::function<void()> damages[] = {
      [&] { Copy(Files(Role::kWorker).key, files.key); },
      [&] { std::ofstream(files.key) << "garbage"; },
      [&] { std::ofstream(files.certificate) << "garbage"; },
      [&] { std::filesystem::remove(files.authority); },
  };
  const std::string reasons[] = {"tls-key: " + files.key + ": is not the key of the certificate",
                                 "tls-key: " + files.key + ": holds no private key",
                                 "tls-cert: " + files.certificate + ": holds no certificate",
                                 "tls-ca: " + files.authority + ": No such file"};
  for (size_t i = 0; i < std::size(damages); ++i) {
    CopyOf(Role::kCoordinator);
    damages[i]();
    EXPECT_THAT(coordinator_->WaitForLine(reasons[i]), HasSubstr("warning \"certificates are not renewed\""));
    absl::SleepFor(kLookedAt);
    EXPECT_TRUE(ListAs(Files(Role::kAdmin)).ok()) << reasons[i];
    EXPECT_EQ(ServedUntil(), end);
  }
}

TEST_F(OverwrittenFilesTest, ARenewalIsTakenUpWhenItIsWhole) {
  const TlsFiles files = CopyOf(Role::kCoordinator);
  StartCoordinator(absl::StrSplit(TlsOptions(files), ' '));
  const absl::Time end = ServedUntil();
  const TlsFiles next = IssueLeaf(directory_ / "certs", Role::kCoordinator, absl::Now(), absl::Hours(48));
  Copy(next.certificate, files.certificate);
  EXPECT_NE(coordinator_->WaitForLine("is not the key of the certificate"), "");
  absl::SleepFor(kLookedAt);
  EXPECT_EQ(ServedUntil(), end);
  Copy(next.key, files.key);
  EXPECT_THAT(coordinator_->WaitForLine("certificates renewed"),
              HasSubstr("certificate=seedcast://role/coordinator/coordinator"));
  absl::SleepFor(kLookedAt);
  EXPECT_GE(ServedUntil(), end + absl::Hours(24));  // later by as much as it was made later
  EXPECT_TRUE(ListAs(Files(Role::kAdmin)).ok());
}

TEST_F(OverwrittenFilesTest, AWorkerComesBackWithTheLastThatWereRight) {
  const TlsFiles files = CopyOf(Role::kWorker);
  StartCoordinator(Flags(Role::kCoordinator));
  const auto worker = StartWorker("w0", absl::StrSplit(TlsOptions(files), ' '));
  Copy(Files(Role::kAdmin).key, files.key);
  EXPECT_NE(worker->WaitForLine("is not the key of the certificate"), "");
  absl::SleepFor(kLookedAt);
  coordinator_->Signal(SIGKILL);
  coordinator_->Wait();
  StartCoordinator(Flags(Role::kCoordinator));
  EXPECT_NE(coordinator_->WaitForLine("worker=w0"), "") << worker->Output();
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
