#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/doctor/findings.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

void ExpectFinding(const Finding& finding, Verdict verdict, const std::string& found, const std::string& advice) {
  EXPECT_EQ(finding.verdict, verdict) << finding.found << " -> " << finding.advice;
  EXPECT_THAT(finding.found, HasSubstr(found));
  EXPECT_THAT(finding.advice, HasSubstr(advice)) << finding.found;
  EXPECT_EQ(finding.advice.empty(), finding.verdict == Verdict::kOk) << "what is not right has a way out";
}

NumericClassProof Proof(v1::NumericClass numeric_class, const char* kernels, const char* digest) {
  return {numeric_class, kernels, digest};
}

TEST(MachineFindingsTest, ProcessorSaysWhatItsFeaturesEnable) {
  const Finding finding = JudgeProcessor({"Some CPU", {"avx2", "fma", "avx512f"}});
  ExpectFinding(finding, Verdict::kOk, "Some CPU: AVX2, FMA, AVX-512; without AVX512_BF16 (class BF16_AVX512), AMX",
                "");
}

TEST(MachineFindingsTest, NumericClassesFailWithTheDigestThatDiffers) {
  const NumericFacts good{{Proof(v1::F32, "avx512", "aa"), Proof(v1::BF16_AMX, "amx", "bb")}, "aa", "avx512"};
  ExpectFinding(JudgeNumericClasses(good), Verdict::kOk, "known-answer test passed: F32, BF16_AMX", "");
  NumericFacts bad = good;
  bad.expected_f32 = "cc";
  ExpectFinding(JudgeNumericClasses(bad), Verdict::kFail, "gives aa with avx512, expected cc", "--kernels avx2");
}

TEST(MachineFindingsTest, KernelsWarnWhenAmxIsThereButNotHandedOut) {
  const NumericFacts without{{Proof(v1::F32, "avx512", "aa")}, "aa", "avx512"};
  ExpectFinding(JudgeKernels(without, {"cpu", {"avx512f"}}), Verdict::kOk, "noise avx512, F32 avx512", "");
  ExpectFinding(JudgeKernels(without, {"cpu", {"amx_bf16"}}), Verdict::kWarn, "AMX is there", "arch_prctl");
  NumericFacts with = without;
  with.proofs.push_back(Proof(v1::BF16_AMX, "amx", "bb"));
  ExpectFinding(JudgeKernels(with, {"cpu", {"amx_bf16"}}), Verdict::kOk, "BF16_AMX amx", "");
}

TEST(MachineFindingsTest, CoresAreComparedWithSlots) {
  const struct {
    int cores;
    double quota;
    int slots;
    Verdict verdict;
    const char* found;
    const char* advice;
  } cases[] = {
      {4, 0, 4, Verdict::kOk, "4 cores, no quota, 4 slots", ""},
      {1, 0, 1, Verdict::kOk, "1 core, no quota, 1 slot", ""},
      {4, 8, 4, Verdict::kOk, "quota of 8", ""},
      {4, 0, 5, Verdict::kWarn, "4 cores, no quota, 5 slots", "--slots 4"},
      {4, 1.5, 2, Verdict::kOk, "quota of 1.5", ""},
      {4, 1.5, 3, Verdict::kWarn, "quota of 1.5", "--slots 2, or the control group a larger quota"},
      {4, 0.25, 1, Verdict::kOk, "quota of 0.25", ""},
  };
  for (const auto& c : cases) {
    ExpectFinding(JudgeCores({.cores = c.cores, .cpu_quota = c.quota}, c.slots), c.verdict, c.found, c.advice);
  }
}

TEST(MachineFindingsTest, MemoryIsWhatMachineAndControlGroupLeave) {
  constexpr int64_t kGigabyte = 1'000'000'000;
  const MachineFacts roomy{.memory = 8 * kGigabyte, .available = 6 * kGigabyte};
  ExpectFinding(JudgeMemory(roomy, 4), Verdict::kOk, "6.0 GB left of 8.0 GB", "");
  MachineFacts limited = roomy;
  limited.memory_max = 2 * kGigabyte;
  limited.memory_used = kGigabyte + kGigabyte * 9 / 10;
  ExpectFinding(JudgeMemory(limited, 4), Verdict::kWarn,
                "100.0 MB left of 8.0 GB, limit of 2.0 GB by the control group", "a worker with 4 slots may want");
  ExpectFinding(JudgeMemory({.memory = kGigabyte, .available = 1000}, 1), Verdict::kWarn, "1.0 kB left", "--slots");
}

TEST(MachineFindingsTest, FewDescriptorsMeanFewWorkers) {
  ExpectFinding(JudgeDescriptors({.descriptors = 1 << 20}), Verdict::kOk, "1048576", "");
  ExpectFinding(JudgeDescriptors({.descriptors = 1024}), Verdict::kWarn, "limit of 1024", "about 480 workers");
  ExpectFinding(JudgeDescriptors({.descriptors = 10}), Verdict::kWarn, "limit of 10", "about 0 workers");
}

TEST(MachineFindingsTest, DataThatIsMissingWhereTheUserSaidFails) {
  DataFacts facts{.directory = "", .places = {"data", "/c"}, .offline = false, .found = std::string("Omniglot from x")};
  ExpectFinding(JudgeData(facts), Verdict::kOk, "Omniglot from x", "");
  facts.found = absl::NotFoundError("not here");
  ExpectFinding(JudgeData(facts), Verdict::kWarn, "Omniglot is not in data, /c", "the first job downloads it");
  facts.offline = true;
  ExpectFinding(JudgeData(facts), Verdict::kWarn, "downloads are switched off", "SEEDCAST_OFFLINE");
  facts.directory = "/named";
  ExpectFinding(JudgeData(facts), Verdict::kFail, "not here", "--data or SEEDCAST_DATA");
  facts.found = absl::DataLossError("x.zip is damaged");
  ExpectFinding(JudgeData(facts), Verdict::kFail, "x.zip is damaged", "published");
}

TEST(MachineFindingsTest, DirectoriesAreWritableAndHaveRoom) {
  const auto judge = [](const DirectoryFacts& facts) { return JudgeDirectory("cache", "--cache", facts); };
  ExpectFinding(judge({"/c", absl::OkStatus(), 5e9}), Verdict::kOk, "/c, 5.0 GB free", "");
  ExpectFinding(judge({"/c", absl::OkStatus(), -1}), Verdict::kOk, "free space unknown", "");
  ExpectFinding(judge({"/c", absl::OkStatus(), 5e8}), Verdict::kWarn, "500.0 MB free", "make room");
  ExpectFinding(judge({"/c", absl::PermissionDeniedError("/c cannot be written"), 5e9}), Verdict::kFail,
                "/c cannot be written", "--cache");
  ExpectFinding(judge({}), Verdict::kFail, "HOME", "--cache");
}

TEST(MachineFindingsTest, AStoreIsReadableOfAKnownSchemaAndFree) {
  StoreFacts facts{.directory = {"/s", absl::OkStatus(), 5e9}, .inspection = StoreInspection(), .holder = ""};
  EXPECT_EQ(JudgeStore(facts).size(), 1u) << "there is none yet";
  StoreInspection store{.exists = true, .schema_version = 1, .newest_schema_version = 2, .jobs = 3};
  const auto content = [&] {
    facts.inspection = store;
    return JudgeStore(facts).at(1);
  };
  ExpectFinding(content(), Verdict::kOk, "3 jobs, schema version 1, brought up to date", "");
  store.schema_version = 3;
  ExpectFinding(content(), Verdict::kFail, "schema version 3, this program knows up to 2", "newer");
  store.held = true;
  ExpectFinding(content(), Verdict::kWarn, "/s is open in another process", "one coordinator at a time");
  store.holder = 12;
  facts.holder = "seedcast-coordi";
  ExpectFinding(content(), Verdict::kWarn, "/s is open in process 12 seedcast-coordi", "end that one");
  facts.inspection = absl::DataLossError("no database");
  ExpectFinding(JudgeStore(facts).at(1), Verdict::kFail, "no database", "--store");
}

TEST(MachineFindingsTest, TheClockIsComparedWithTheBuildTheKernelAndTheCoordinator) {
  const absl::Time built = absl::FromCivil(absl::CivilDay(2026, 6, 1), absl::UTCTimeZone());
  const ClockFacts good{built + absl::Hours(24), built, true};
  const auto offset = [](absl::Duration ahead) { return ClockOffset{ahead, absl::Milliseconds(2)}; };
  ExpectFinding(JudgeClock(good, {}), Verdict::kOk, "2026-06-02 00:00:00 UTC, synchronised", "");
  ExpectFinding(JudgeClock({good.now, built, {}}, {}), Verdict::kOk, "2026-06-02", "");
  ExpectFinding(JudgeClock({good.now, built, false}, {}), Verdict::kWarn, "not synchronised", "chrony");
  ExpectFinding(JudgeClock({built - absl::Hours(1), built, true}, {}), Verdict::kFail, "was built at 2026-06-01",
                "set");
  ExpectFinding(JudgeClock({good.now, built, false}, offset(absl::Milliseconds(-3))), Verdict::kOk,
                "the coordinator's is 3.00 ms behind, give or take 2.00 ms", "");
  ExpectFinding(JudgeClock(good, offset(absl::Minutes(2))), Verdict::kWarn, "120.0 s ahead", "both machines");
  ExpectFinding(JudgeClock(good, offset(absl::Minutes(-6))), Verdict::kFail, "360.0 s behind", "both machines");
}

TEST(MachineFindingsTest, EachProblemOfTheConfigurationIsAFinding) {
  EXPECT_EQ(JudgeConfiguration({}).at(0).verdict, Verdict::kOk);
  const Findings findings = JudgeConfiguration({absl::InvalidArgumentError("a"), absl::InvalidArgumentError("b")});
  ASSERT_EQ(findings.size(), 2u);
  ExpectFinding(findings[1], Verdict::kFail, "b", "put it right");
}

TEST(MachineFindingsTest, ACertificateIsGoodItsKeySecretAndItsEndFarAway) {
  const absl::Time now = absl::FromCivil(absl::CivilDay(2026, 6, 1), absl::UTCTimeZone());
  CertificateFacts facts{{"tls.crt", "tls.key", "ca.crt"},
                         CheckedCertificate{{Role::kWorker, "w"}, now, now + absl::Hours(24 * 90)},
                         0600};
  ExpectFinding(JudgeCertificate(facts, now), Verdict::kOk,
                "tls.crt: seedcast://role/worker/w, until 2026-08-30 (90 days)", "");
  facts.key_mode = 0440;
  EXPECT_EQ(JudgeCertificate(facts, now).verdict, Verdict::kOk) << "as in a Kubernetes secret";
  facts.key_mode = 0644;
  ExpectFinding(JudgeCertificate(facts, now), Verdict::kWarn, "everybody may read its key (mode 0644)",
                "chmod 600 tls.key");
  facts.key_mode = 0600;
  facts.checked->not_after = now + absl::Hours(24 * 13);
  ExpectFinding(JudgeCertificate(facts, now), Verdict::kWarn, "(13 days)", "renew it");
  facts.checked = absl::InvalidArgumentError("tls-cert: tls.crt: has expired");
  ExpectFinding(JudgeCertificate(facts, now), Verdict::kFail, "has expired", "seedcast certs");
}

}  // namespace
}  // namespace seedcast
