#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "cli/doctor/findings.h"
#include "common/version.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 6, 1), absl::UTCTimeZone());

// One with which all is well.
CoordinatorFacts Good() {
  CoordinatorFacts facts;
  facts.address = "host:7070";
  facts.certificates_given = true;
  facts.peer = TlsPeer{true, "TLSv1.3", absl::OkStatus(), Identity{Role::kCoordinator, "c"}, kNow + absl::Hours(48)};
  facts.build = SEEDCAST_VERSION;
  facts.protocol_version = kProtocolVersion;
  facts.round_trip = absl::Milliseconds(1);
  return facts;
}

TEST(CoordinatorFindingsTest, AllIsWell) {
  const Findings findings = JudgeCoordinator(Good(), kNow);
  ASSERT_EQ(findings.size(), 4u);
  for (const Finding& finding : findings) EXPECT_EQ(finding.verdict, Verdict::kOk) << finding.found;
  EXPECT_EQ(findings[1].found, "TLSv1.3, seedcast://role/coordinator/c, 2 days left");
  EXPECT_EQ(findings[2].found, "serving, round trip 1.00 ms");
}

TEST(CoordinatorFindingsTest, TheFirstThingThatFailsIsNamedAndTheRestLeftOut) {
  const struct {
    std::function<void(CoordinatorFacts&)> change;
    Verdict verdict;
    const char* check;
    const char* found;
    const char* advice;
  } cases[] = {
      {[](auto& f) { f.connected = absl::UnavailableError("Connection refused"); }, Verdict::kFail, "coordinator",
       "host:7070: Connection refused", "does it run there"},
      {[](auto& f) { f.peer->speaks_tls = false; }, Verdict::kFail, "tls",
       "speaks plain text, and certificates are given", "give the coordinator --tls-cert"},
      {[](auto& f) { f.certificates_given = false; }, Verdict::kFail, "tls",
       "speaks TLS, and no certificates are given", "seedcast certs"},
      {[](auto& f) {
         f.peer = TlsPeer();
         f.certificates_given = false;
       },
       Verdict::kFail, "tls", "host:7070 speaks plain text: workers and commands go there only with --insecure",
       "or --insecure"},
      {[](auto& f) { f.peer->verified = absl::InvalidArgumentError("hostname mismatch"); }, Verdict::kFail, "tls",
       "its certificate: hostname mismatch", "--host"},
      {[](auto& f) { f.serving = absl::UnavailableError("no answer"); }, Verdict::kFail, "health", "no answer", "log"},
      {[](auto& f) {
         f.peer = absl::DeadlineExceededError("no answer to a TLS handshake");
         f.serving = absl::UnavailableError("no answer");
       },
       Verdict::kFail, "tls", "no answer to a TLS handshake", "is that a coordinator?"},
      {[](auto& f) { f.protocol_version = kProtocolVersion + 1; }, Verdict::kFail, "version", "with protocol 2, here",
       "workers of this build are refused"},
  };
  for (const auto& c : cases) {
    CoordinatorFacts facts = Good();
    c.change(facts);
    const Finding last = JudgeCoordinator(facts, kNow).back();
    EXPECT_EQ(last.verdict, c.verdict) << last.found;
    EXPECT_EQ(last.check, c.check) << last.found;
    EXPECT_THAT(last.found, HasSubstr(c.found));
    EXPECT_THAT(last.advice, HasSubstr(c.advice));
  }
}

TEST(CoordinatorFindingsTest, WhatIsOnlyUnfortunateWarns) {
  const struct {
    std::function<void(CoordinatorFacts&)> change;
    size_t finding;
    const char* found;
  } cases[] = {
      {[](auto& f) {
         f.peer = TlsPeer();
         f.certificates_given = false;
         f.insecure = true;
       },
       1, "plain text: whoever reaches the port"},
      {[](auto& f) {
         f.peer->identity = Identity{Role::kWorker, "w"};
       },
       1, "is of: seedcast://role/worker/w"},
      {[](auto& f) { f.peer->identity = absl::InvalidArgumentError("2 URI names"); }, 1, "2 URI names"},
      {[](auto& f) { f.round_trip = absl::Milliseconds(300); }, 2, "round trip 300.00 ms"},
      {[](auto& f) { f.build = "99"; }, 3, "coordinator 99 with protocol"},
      {[](auto& f) { f.build = absl::UnimplementedError("unknown"); }, 3, "does not say its version: unknown"},
  };
  for (const auto& c : cases) {
    CoordinatorFacts facts = Good();
    c.change(facts);
    const Findings findings = JudgeCoordinator(facts, kNow);
    ASSERT_EQ(findings.size(), 4u) << c.found;
    EXPECT_EQ(findings[c.finding].verdict, Verdict::kWarn);
    EXPECT_THAT(findings[c.finding].found, HasSubstr(c.found));
    EXPECT_NE(findings[c.finding].advice, "");
  }
}

TEST(CoordinatorFindingsTest, PlainTextOnThisMachineIsFine) {
  CoordinatorFacts facts = Good();
  facts.peer = TlsPeer();
  facts.certificates_given = false;
  facts.local = true;
  EXPECT_EQ(JudgeCoordinator(facts, kNow)[1].verdict, Verdict::kOk);
}

TEST(CoordinatorFindingsTest, ARoleIsToldWhatItMayCall) {
  EXPECT_EQ(MethodsOf(Role::kCoordinator), "CoordinatorService, Health");
  EXPECT_EQ(MethodsOf(Role::kWorker), "CoordinatorService, Health, ParameterService, WorkerService");
  EXPECT_EQ(MethodsOf(Role::kObserver),
            "CoordinatorService, Health, JobService/{ListJobs, GetJob, WatchJob, GetHistory}, ParameterService");
  EXPECT_EQ(JudgeRole({Role::kSubmitter, "ann"}).verdict, Verdict::kOk);
  EXPECT_THAT(JudgeRole({Role::kSubmitter, "ann"}).found, HasSubstr("submitter 'ann' may call"));
  EXPECT_EQ(JudgeRole({Role::kCoordinator, "c"}).verdict, Verdict::kWarn);
}

}  // namespace
}  // namespace seedcast
