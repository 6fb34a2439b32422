#include "cli/doctor/machine_facts.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/control_group.h"
#include "common/directory.h"
#include "common/noise/noise.h"

namespace seedcast {
namespace {

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Of "MemTotal:  24684100 kB" in /proc/meminfo, or "model name : X" in /proc/cpuinfo: what stands behind the colon.
std::string FieldOf(absl::string_view text, absl::string_view name) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(parts.first) == name) return std::string(absl::StripAsciiWhitespace(parts.second));
  }
  return "";
}

int64_t Kilobytes(const std::string& field) {
  int64_t value = 0;
  const bool read = absl::SimpleAtoi(absl::StripSuffix(field, " kB"), &value);
  return read ? value * 1024 : 0;
}

absl::Time ModificationTime(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 ? absl::TimeFromTimespec(status.st_mtim) : absl::UnixEpoch();
}

}  // namespace

ProcessorFacts LookAtProcessor(const std::string& root) {
  const std::string text = ReadText(root + "/proc/cpuinfo");
  ProcessorFacts facts;
  facts.model = FieldOf(text, "model name");
  facts.features = absl::StrSplit(FieldOf(text, "flags"), ' ', absl::SkipEmpty());
  return facts;
}

MachineFacts LookAtMachine(const std::string& root) {
  MachineFacts facts;
  facts.cores = OwnCores();
  const std::string memory = ReadText(root + "/proc/meminfo");
  facts.memory = Kilobytes(FieldOf(memory, "MemTotal"));
  facts.available = Kilobytes(FieldOf(memory, "MemAvailable"));
  const ControlGroup group = ReadControlGroup(root);
  facts.cpu_quota = group.cpu_quota;
  facts.memory_max = group.memory_max < facts.memory ? group.memory_max : 0;
  facts.memory_used = group.memory_used;
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  facts.descriptors = static_cast<int64_t>(limit.rlim_max);
  return facts;
}

NumericFacts LookAtNumericClasses() { return {ProveNumericClasses(), ExpectedF32Proof(), NoiseIsa()}; }

ClockFacts LookAtClock() {
  ClockFacts facts{absl::Now(), ModificationTime("/proc/self/exe"), std::nullopt};
  timex state = {};
  const int result = adjtimex(&state);  // asks, with no mode set
  if (result >= 0) facts.synchronised = result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  return facts;
}

CertificateFacts LookAtCertificate(const TlsFiles& files, absl::Time now) {
  CertificateFacts facts{files, CheckTlsFiles(files, TlsSide::kClient, now), 0};
  struct stat status = {};
  if (stat(files.key.c_str(), &status) == 0) facts.key_mode = static_cast<int>(status.st_mode & 0777);
  return facts;
}

DataFacts LookAtData(DataOptions options) {
  DataFacts facts;
  facts.directory = options.directory;
  facts.places = {options.local_directory};
  if (!options.cache_directory.empty()) facts.places.push_back(options.cache_directory);
  facts.offline = options.offline;
  options.offline = true;
  ArtifactStore artifacts(options.ArtifactDirectory());
  const auto found = ResolveDataset(v1::ProtoNetTask::OMNIGLOT, options, &artifacts);
  if (found.ok()) {
    facts.found = absl::StrCat(found->description, ", digest ", found->digest.substr(0, 12), " as published");
  } else {
    facts.found = found.status();
  }
  return facts;
}

DirectoryFacts LookAtDirectory(const std::string& path) {
  if (path.empty()) return {};
  return {path, CheckWritable(path), FreeBytes(path)};
}

StoreFacts LookAtStore(const std::string& directory) {
  StoreFacts facts;
  facts.directory = LookAtDirectory(directory);
  facts.inspection = directory.empty() ? StoreInspection() : InspectStore(directory);
  if (facts.inspection.ok() && facts.inspection->holder != 0) {
    const std::string name = ReadText(absl::StrCat("/proc/", facts.inspection->holder, "/comm"));
    facts.holder = std::string(absl::StripSuffix(name, "\n"));
  }
  return facts;
}

}  // namespace seedcast
