// `seedcast doctor` against real coordinators, and against what is none.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/shell.h"
#include "tests/testing/certificates.h"
#include "tests/testing/loopback.h"
#include "tests/testing/silent_server.h"

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
    return TlsOptions(IssueLeaf(directory_ / authority, role, absl::Now() - age, absl::Hours(24 * 60)));
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
  const SilentServer silent_server;
  int full_port = 0;
  const int full_fd = ListenOnLoopback(&full_port, /*backlog=*/0);
  const std::string silent = absl::StrCat("127.0.0.1:", silent_server.port());
  const std::string full = absl::StrCat("127.0.0.1:", full_port);
  const sockaddr_in full_name = LoopbackAddress(full_port);
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
