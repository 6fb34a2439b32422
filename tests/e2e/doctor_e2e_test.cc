// `seedcast doctor` against real coordinators, and against what is none.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/tls/certificate_authority.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/shell.h"

namespace seedcast {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class DoctorE2eTest : public ClusterTest {
 protected:
  // With a store and a cache of its own, but for what `options` say.
  ShellResult Doctor(const std::string& options, const std::string& environment = "") const {
    return Shell(absl::StrCat("unset SEEDCAST_DATA\n", environment, " timeout 30 $CLI doctor --cache ",
                              directory_ / "cache", " ", options));
  }

  // Options that show a certificate of this role, of the authority by this name.
  std::string As(Role role, const std::string& authority = "certs", absl::Duration age = absl::ZeroDuration()) const {
    const absl::Time now = absl::Now() - age;
    const auto opened = CertificateAuthority::OpenOrCreate(directory_ / authority, now);
    EXPECT_TRUE(opened.ok()) << opened.status();
    const auto leaf = opened->Issue({{role, std::string(RoleName(role))}, {"127.0.0.1"}, absl::Hours(24 * 60)}, now);
    EXPECT_TRUE(leaf.ok()) << leaf.status();
    return absl::StrCat("--tls-cert ", leaf->directory, "/tls.crt --tls-key ", leaf->directory, "/tls.key --tls-ca ",
                        leaf->directory, "/ca.crt");
  }
  std::string At() const { return "--coordinator " + Address() + " "; }

  static void ExpectLine(const ShellResult& result, int exit_code, const std::string& regex) {
    EXPECT_EQ(result.exit_code, exit_code) << result.output;
    EXPECT_THAT(result.output, ContainsRegex("\n" + regex)) << result.output;
  }
};

TEST_F(DoctorE2eTest, AMachineWithoutACoordinatorIsLookedAt) {
  const ShellResult result = Doctor("--store " + directory_ / "store");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const char* line :
       {"processor +OK ", "numeric-classes +OK +known-answer test passed: F32", "kernels +", "cores +", "memory +",
        "descriptors +", "data +", "cache +", "store +", "configuration +OK ", "clock +"}) {
    ExpectLine(result, 0, line);
  }
  EXPECT_THAT(result.output, Not(HasSubstr("coordinator")));
  EXPECT_THAT(Doctor("--json --slots 4000 --store " + directory_ / "store").output,
              ContainsRegex("^\\{\"version\": .*\"check\": \"cores\", \"result\": \"WARN\".*\\}\n$"));
}

TEST_F(DoctorE2eTest, ACoordinatorInPlainTextIsLookedAt) {
  StartCoordinator();
  const ShellResult result = Doctor(At() + "--store " + StoreDirectory());
  ExpectLine(result, 0, "tls +OK +plain text, on this machine alone");
  ExpectLine(result, 0, "health +OK +serving, round trip ");
  ExpectLine(result, 0, "version +OK +coordinator ");
  ExpectLine(result, 0, "clock +OK .* the coordinator's is ");
  ExpectLine(result, 0, absl::StrCat("store-content +WARN .* is open in process ", coordinator_->pid()));
  ExpectLine(Doctor(At() + As(Role::kWorker)), 1, "tls +FAIL .* speaks plain text, and certificates are given");
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(), 0);
  const ShellResult gone = Doctor(At() + "--store " + StoreDirectory());
  ExpectLine(gone, 1, "coordinator +FAIL .*: Connection refused");
  ExpectLine(gone, 1, "store-content +OK .*readable, 0 jobs");
}

TEST_F(DoctorE2eTest, ACoordinatorWithTlsIsLookedAt) {
  StartCoordinator(absl::StrSplit(As(Role::kCoordinator), ' '));
  const ShellResult good = Doctor(At() + As(Role::kSubmitter));
  ExpectLine(good, 0, "certificate +OK .*seedcast://role/submitter/submitter, until .* \\(59 days\\)");
  ExpectLine(good, 0, "role +OK +submitter 'submitter' may call ");
  ExpectLine(good, 0, "tls +OK +TLSv1.3, seedcast://role/coordinator/coordinator, 59 days left");
  ExpectLine(good, 0, "health +OK ");
  ExpectLine(Doctor(At()), 1, "tls +FAIL .* speaks TLS, and no certificates are given");
  ExpectLine(Doctor(At() + As(Role::kWorker, "other")), 1, "tls +FAIL +its certificate: ");
  ExpectLine(Doctor(At() + As(Role::kObserver, "certs", absl::Hours(24 * 61))), 1,
             "certificate +FAIL .*has expired at");
  ExpectLine(Doctor(At() + As(Role::kObserver, "certs", absl::Hours(24 * 50))), 0, "certificate +WARN .*renew it");
  const std::string elsewhere = absl::StrCat("--coordinator localhost:", port_, " ");
  ExpectLine(Doctor(elsewhere + As(Role::kSubmitter)), 1, "tls +FAIL +its certificate: hostname mismatch");
  for (const ShellResult& result : {Doctor(At() + As(Role::kWorker, "other")), Doctor(At())}) {
    EXPECT_THAT(result.output, Not(HasSubstr("ssl_transport_security"))) << "gRPC's own lines are not for people";
  }
}

TEST_F(DoctorE2eTest, WhatDoesNotAnswerEndsItInTime) {
  const auto listen_on = [](int backlog, std::string* address) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(listen(fd, backlog), 0);
    getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    *address = absl::StrCat("127.0.0.1:", ntohs(name.sin_port));
    return std::make_pair(fd, name);
  };
  std::string silent, full;
  const int silent_fd = listen_on(16, &silent).first;  // connects, and says nothing
  const auto [full_fd, full_name] = listen_on(0, &full);
  std::vector<int> fillers;  // once its queue is full, the kernel drops what asks to connect
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(fillers.back(), reinterpret_cast<const sockaddr*>(&full_name), sizeof full_name);
  }
  const struct {
    std::string options;
    const char* line;
  } cases[] = {
      {"--coordinator " + silent, "tls +FAIL +no answer to a TLS handshake"},
      {"--coordinator " + silent + " " + As(Role::kWorker), "tls +FAIL +no answer to a TLS handshake"},
      {"--coordinator " + full, "coordinator +FAIL .*: Connection timed out"},
      {"--coordinator nowhere.invalid:7070", "coordinator +FAIL .*: the name is not known"},
      {"--coordinator nowhere", "coordinator +FAIL .*expected host:port"},
  };
  for (const auto& c : cases) {
    const absl::Time start = absl::Now();
    ExpectLine(Doctor(c.options), 1, c.line);
    EXPECT_LT(absl::Now() - start, absl::Seconds(20)) << c.options << ": ten, on a machine that is busy";
  }
  for (const int fd : fillers) close(fd);
  close(silent_fd);
  close(full_fd);
}

TEST_F(DoctorE2eTest, WhatIsWrongWithTheMachineIsAFinding) {
  std::ofstream(directory_ / "w.yaml") << "slots: 3\ninner-state-mb: 7\ntls-crt: x\n";
  std::ofstream(directory_ / "file") << "";
  const ShellResult result =
      Doctor("--config " + directory_ / "w.yaml --data " + directory_ / "none --store " + directory_ / "file/store",
             "SEEDCAST_COORDINTOR=x SEEDCAST_CACHES=y");
  ExpectLine(result, 1, "cores .*, 3 slots");
  ExpectLine(result, 1, "data +FAIL .*none: expected images_background.zip");
  ExpectLine(result, 1, "store +FAIL .*file cannot be written");
  ExpectLine(result, 1, "configuration +FAIL .*SEEDCAST_COORDINTOR: unknown name; did you mean SEEDCAST_COORDINATOR");
  ExpectLine(result, 1, "configuration +FAIL .*SEEDCAST_CACHES");
  ExpectLine(result, 1, "configuration +FAIL .*w.yaml:3: tls-crt: unknown option; did you mean tls-cert");
  EXPECT_THAT(result.output, Not(HasSubstr("inner-state-mb"))) << "another program's option";
  EXPECT_THAT(result.output, HasSubstr("seedcast: 5 checks failed\n"));
}

}  // namespace
}  // namespace seedcast
