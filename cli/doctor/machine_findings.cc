#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/doctor/findings.h"
#include "cli/table.h"
#include "common/control_group.h"

namespace seedcast {
namespace {

// Room enough for the workloads of examples/: all of `seedcast run examples/omniglot.yaml` takes 75 MB with two slots.
constexpr int64_t kWorkerBytes = int64_t{128} << 20;
constexpr int64_t kSlotBytes = int64_t{32} << 20;
constexpr double kLittleSpace = 1e9;  // deploy/RUNBOOK.md, SeedcastDiskFilling
constexpr int64_t kFewDescriptors = 4096;
constexpr int64_t kReservedDescriptors = 64;
constexpr int64_t kConnectionsOfAWorker = 2;
constexpr absl::Duration kMuchClockError = absl::Minutes(1);
constexpr absl::Duration kTooMuchClockError = absl::Minutes(5);  // certificates begin so long before they are made
constexpr absl::Duration kExpiresSoon = absl::Hours(24 * 14);    // as the alert SeedcastCertificateExpires

std::string Amount(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(absl::AbsDuration(duration));
  return seconds < 1 ? absl::StrFormat("%.2f ms", seconds * 1000) : absl::StrFormat("%.1f s", seconds);
}

std::string Day(absl::Time time) { return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone()); }

std::string Bytes(int64_t bytes) { return FormatBytes(static_cast<double>(bytes)); }

}  // namespace

Finding JudgeProcessor(const ProcessorFacts& facts) {
  static constexpr struct {
    const char* feature;
    const char* enables;
  } kFeatures[] = {{"avx2", "AVX2"},
                   {"fma", "FMA"},
                   {"avx512f", "AVX-512"},
                   {"avx512_bf16", "AVX512_BF16 (class BF16_AVX512)"},
                   {"amx_bf16", "AMX (class BF16_AMX)"}};
  std::vector<std::string> has, lacks;
  for (const auto& [feature, enables] : kFeatures) (facts.features.contains(feature) ? has : lacks).push_back(enables);
  return {"processor", Verdict::kOk,
          absl::StrCat(facts.model, ": ", absl::StrJoin(has, ", "),
                       lacks.empty() ? "" : "; without " + absl::StrJoin(lacks, ", ")),
          ""};
}

Finding JudgeNumericClasses(const NumericFacts& facts) {
  std::vector<std::string> proven;
  for (const NumericClassProof& proof : facts.proofs) {
    if (proof.numeric_class == v1::F32 && proof.digest != facts.expected_f32) {
      return {
          "numeric-classes", Verdict::kFail,
          absl::StrCat("F32: the known-answer test gives ", proof.digest, " with ", proof.kernels, ", expected ",
                       facts.expected_f32),
          "a coordinator refuses workers of this machine; try --kernels avx2, else the processor or the build is bad"};
    }
    proven.push_back(v1::NumericClass_Name(proof.numeric_class));
  }
  return {"numeric-classes", Verdict::kOk, absl::StrCat("known-answer test passed: ", absl::StrJoin(proven, ", ")), ""};
}

Finding JudgeKernels(const NumericFacts& facts, const ProcessorFacts& processor) {
  std::vector<std::string> dispatched = {absl::StrCat("noise ", facts.noise_kernels)};
  bool amx = false;
  for (const NumericClassProof& proof : facts.proofs) {
    dispatched.push_back(absl::StrCat(v1::NumericClass_Name(proof.numeric_class), " ", proof.kernels));
    amx = amx || proof.numeric_class == v1::BF16_AMX;
  }
  const std::string found = absl::StrJoin(dispatched, ", ");
  if (amx || !processor.features.contains("amx_bf16")) return {"kernels", Verdict::kOk, found, ""};
  return {"kernels", Verdict::kWarn, found + "; AMX is there, but the kernel does not hand it out",
          "it takes Linux 5.16, and a sandbox that permits arch_prctl(ARCH_REQ_XCOMP_PERM)"};
}

Finding JudgeCores(const MachineFacts& facts, int slots) {
  const std::string found =
      absl::StrCat(facts.cores, facts.cores == 1 ? " core, " : " cores, ",
                   facts.cpu_quota == 0 ? "no quota" : absl::StrFormat("quota of %.3g", facts.cpu_quota), ", ", slots,
                   slots == 1 ? " slot" : " slots");
  const int usable = UsableCores(facts.cores, facts.cpu_quota);
  if (slots <= usable) return {"cores", Verdict::kOk, found, ""};
  return {"cores", Verdict::kWarn, found,
          absl::StrCat("slots wait for each other: give workers --slots ", usable,
                       facts.cpu_quota == 0 ? "" : ", or the control group a larger quota (cpu limit)")};
}

Finding JudgeMemory(const MachineFacts& facts, int slots) {
  const int64_t left =
      facts.memory_max == 0 ? facts.available : std::min(facts.available, facts.memory_max - facts.memory_used);
  const std::string limit =
      facts.memory_max == 0 ? "" : absl::StrCat(", limit of ", Bytes(facts.memory_max), " by the control group");
  const std::string found = absl::StrCat(Bytes(left), " left of ", Bytes(facts.memory), limit);
  const int64_t needed = kWorkerBytes + slots * kSlotBytes;
  if (left >= needed) return {"memory", Verdict::kOk, found, ""};
  return {"memory", Verdict::kWarn, found,
          absl::StrCat("a worker with ", slots, " slots may want ", Bytes(needed),
                       ": fewer --slots, a smaller --inner-state-mb, or more memory")};
}

Finding JudgeDescriptors(const MachineFacts& facts) {
  const int64_t workers = std::max<int64_t>(0, (facts.descriptors - kReservedDescriptors) / kConnectionsOfAWorker);
  const std::string found = absl::StrCat("limit of ", facts.descriptors, " file descriptors");
  if (facts.descriptors >= kFewDescriptors) return {"descriptors", Verdict::kOk, found, ""};
  return {"descriptors", Verdict::kWarn, found,
          absl::StrCat("a coordinator here serves about ", workers,
                       " workers: raise the hard limit (ulimit -Hn, LimitNOFILE=, --ulimit nofile=)")};
}

Finding JudgeData(const DataFacts& facts) {
  if (facts.found.ok()) return {"data", Verdict::kOk, *facts.found, ""};
  if (!absl::IsNotFound(facts.found.status())) {
    return {"data", Verdict::kFail, std::string(facts.found.status().message()),
            "replace the archives by the published ones"};
  }
  if (!facts.directory.empty()) {
    return {"data", Verdict::kFail, std::string(facts.found.status().message()),
            "put the zips there, or name another directory with --data or SEEDCAST_DATA"};
  }
  const std::string found = absl::StrCat("Omniglot is not in ", absl::StrJoin(facts.places, ", "));
  if (facts.offline) {
    return {"data", Verdict::kWarn, found + ", and downloads are switched off",
            "jobs that take what there is train on generated glyphs; put the zips there, or unset SEEDCAST_OFFLINE"};
  }
  return {"data", Verdict::kWarn, found,
          "the first job downloads it; without a network put the zips there, or jobs train on generated glyphs"};
}

Finding JudgeDirectory(const char* check, const char* option, const DirectoryFacts& facts) {
  if (facts.path.empty()) {
    return {check, Verdict::kFail, "neither HOME nor an XDG directory is set", absl::StrCat("name one with ", option)};
  }
  if (!facts.writable.ok()) {
    return {check, Verdict::kFail, std::string(facts.writable.message()),
            absl::StrCat("change its owner or mode, or name another with ", option)};
  }
  const std::string found = absl::StrCat(
      facts.path, ", ", facts.free_bytes < 0 ? "free space unknown" : FormatBytes(facts.free_bytes) + " free");
  if (facts.free_bytes < 0 || facts.free_bytes >= kLittleSpace) return {check, Verdict::kOk, found, ""};
  return {check, Verdict::kWarn, found, "make room: less than 1 GB is left"};
}

Findings JudgeStore(const StoreFacts& facts) {
  Findings findings = {JudgeDirectory("store", "--store", facts.directory)};
  const auto add = [&](Verdict verdict, const std::string& found, const std::string& advice) {
    findings.push_back({"store-content", verdict, found, advice});
  };
  if (!facts.inspection.ok()) {
    add(Verdict::kFail, std::string(facts.inspection.status().message()),
        "name another --store; if this was one, restore it from a copy");
    return findings;
  }
  const StoreInspection& store = *facts.inspection;
  if (!store.exists) return findings;
  const std::string& directory = facts.directory.path;
  if (store.held) {
    const std::string who = store.holder == 0 ? "another process" : absl::StrCat("process ", store.holder);
    add(Verdict::kWarn, absl::StrCat(directory, " is open in ", who, facts.holder.empty() ? "" : " ", facts.holder),
        "one coordinator at a time: end that one before you start another on this store");
  } else if (store.schema_version > store.newest_schema_version) {
    add(Verdict::kFail,
        absl::StrCat(directory, ": schema version ", store.schema_version, ", this program knows up to ",
                     store.newest_schema_version),
        "use the seedcast that wrote it, or a newer one");
  } else {
    const bool older = store.schema_version < store.newest_schema_version;
    add(Verdict::kOk,
        absl::StrCat(directory, ": readable, ", store.jobs, store.jobs == 1 ? " job" : " jobs", ", schema version ",
                     store.schema_version, older ? ", brought up to date when it is opened" : ""),
        "");
  }
  return findings;
}

Finding JudgeClock(const ClockFacts& facts, const std::optional<ClockOffset>& coordinator) {
  const std::string now = absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", facts.now, absl::UTCTimeZone());
  const std::string set_it = "set the clock: chrony or systemd-timesyncd; certificates depend on it";
  if (facts.now < facts.built) {
    return {"clock", Verdict::kFail, absl::StrCat(now, ", but this program was built at ", Day(facts.built)), set_it};
  }
  const char* kernel = !facts.synchronised ? "" : *facts.synchronised ? ", synchronised" : ", not synchronised";
  if (!coordinator) {
    const bool bad = facts.synchronised && !*facts.synchronised;
    return {"clock", bad ? Verdict::kWarn : Verdict::kOk, absl::StrCat(now, kernel), bad ? set_it : ""};
  }
  const bool ahead = coordinator->ahead > absl::ZeroDuration();
  const std::string found = absl::StrCat(now, kernel, "; the coordinator's is ", Amount(coordinator->ahead),
                                         ahead ? " ahead" : " behind", ", give or take ", Amount(coordinator->error));
  const absl::Duration apart = absl::AbsDuration(coordinator->ahead) - coordinator->error;
  if (apart < kMuchClockError) return {"clock", Verdict::kOk, found, ""};
  return {"clock", apart < kTooMuchClockError ? Verdict::kWarn : Verdict::kFail, found, set_it + ", on both machines"};
}

Findings JudgeConfiguration(const std::vector<absl::Status>& problems) {
  Findings findings;
  for (const absl::Status& problem : problems) {
    findings.push_back({"configuration", Verdict::kFail, std::string(problem.message()), "put it right or remove it"});
  }
  if (findings.empty()) {
    findings.push_back(
        {"configuration", Verdict::kOk, "environment and file hold known names with values that fit", ""});
  }
  return findings;
}

Finding JudgeCertificate(const CertificateFacts& facts, absl::Time now) {
  if (!facts.checked.ok()) {
    return {"certificate", Verdict::kFail, std::string(facts.checked.status().message()),
            "seedcast certs makes and renews certificates"};
  }
  const absl::Duration left = facts.checked->not_after - now;
  const std::string found = absl::StrCat(facts.files.certificate, ": ", UriOf(facts.checked->identity), ", until ",
                                         Day(facts.checked->not_after), " (", absl::ToInt64Hours(left) / 24, " days)");
  if ((facts.key_mode & 07) != 0) {
    return {"certificate", Verdict::kWarn,
            absl::StrFormat("%s; everybody may read its key (mode %04o)", found, facts.key_mode),
            "chmod 600 " + facts.files.key};
  }
  if (left < kExpiresSoon) return {"certificate", Verdict::kWarn, found, "renew it: seedcast certs"};
  return {"certificate", Verdict::kOk, found, ""};
}

}  // namespace seedcast
