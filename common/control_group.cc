#include "common/control_group.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace seedcast {
namespace {

// A file's first line, in words; none where it cannot be read.
std::vector<std::string> Words(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

// -1 for anything but a number: "max", or no such file.
int64_t Number(const std::string& path) {
  const std::vector<std::string> words = Words(path);
  int64_t value = 0;
  return words.size() == 1 && absl::SimpleAtoi(words[0], &value) ? value : -1;
}

int64_t StatOf(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string key;
  for (int64_t value = 0; file >> key >> value;) {
    if (key == name) return value;
  }
  return 0;
}

void LimitQuota(double quota, ControlGroup* group) {
  if (quota > 0 && (group->cpu_quota == 0 || quota < group->cpu_quota)) group->cpu_quota = quota;
}

void LimitMemory(int64_t max, int64_t used, int64_t reclaimable, ControlGroup* group) {
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max() / 2;  // version 1 says so with a huge number
  if (max <= 0 || max > kNoLimit || (group->memory_max != 0 && group->memory_max <= max)) return;
  group->memory_max = max;
  group->memory_used = std::max<int64_t>(0, used - reclaimable);
}

// cpu.max is "150000 100000" or "max 100000".
void ReadVersion2(const std::string& folder, ControlGroup* group) {
  const std::vector<std::string> cpu = Words(folder + "/cpu.max");
  double quota = 0, period = 0;
  if (cpu.size() == 2 && absl::SimpleAtod(cpu[0], &quota) && absl::SimpleAtod(cpu[1], &period) && period > 0) {
    LimitQuota(quota / period, group);
  }
  LimitMemory(Number(folder + "/memory.max"), Number(folder + "/memory.current"),
              StatOf(folder + "/memory.stat", "inactive_file"), group);
}

void ReadCpuVersion1(const std::string& folder, ControlGroup* group) {
  const int64_t quota = Number(folder + "/cpu.cfs_quota_us"), period = Number(folder + "/cpu.cfs_period_us");
  if (quota > 0 && period > 0) LimitQuota(static_cast<double>(quota) / static_cast<double>(period), group);
}

void ReadMemoryVersion1(const std::string& folder, ControlGroup* group) {
  LimitMemory(Number(folder + "/memory.limit_in_bytes"), Number(folder + "/memory.usage_in_bytes"),
              StatOf(folder + "/memory.stat", "total_inactive_file"), group);
}

// `read` of the group at `path` below `mount` and of all above it. In a container the path may be one of the host,
// which is not to be seen here: the mount itself is then the container's own group.
template <typename Read>
void ReadUpwards(const std::string& mount, std::string path, const Read& read, ControlGroup* group) {
  while (path.size() > 1) {
    read(mount + path, group);
    path.resize(std::max<size_t>(path.rfind('/'), 0));
  }
  read(mount, group);
}

}  // namespace

ControlGroup ReadControlGroup(const std::string& root) {
  ControlGroup group;
  std::ifstream file(root + "/proc/self/cgroup");
  const std::string mount = root + "/sys/fs/cgroup";
  for (std::string line; std::getline(file, line);) {  // "4:memory:/path", "0::/path"
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "/")) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (parts[0] == "0") ReadUpwards(mount, parts[2], ReadVersion2, &group);
    for (const std::string& controller : controllers) {
      const std::string folder = absl::StrCat(mount, "/", parts[1]);
      if (controller == "cpu") ReadUpwards(folder, parts[2], ReadCpuVersion1, &group);
      if (controller == "memory") ReadUpwards(folder, parts[2], ReadMemoryVersion1, &group);
    }
  }
  return group;
}

int64_t UsableMemory(const std::string& root) {
  const int64_t machine = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE);
  const int64_t allowed = ReadControlGroup(root).memory_max;
  return allowed > 0 ? std::min(allowed, machine) : machine;
}

int UsableCores(int cores, double cpu_quota) {
  const double fed = cpu_quota > 0 ? std::ceil(cpu_quota) : cores;
  return std::max(1, static_cast<int>(std::min<double>(cores, fed)));
}

int UsableCores() { return UsableCores(OwnCores(), ReadControlGroup("").cpu_quota); }

int OwnCores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

}  // namespace seedcast
