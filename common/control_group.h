// What the control group of this process allows: a container's limits, a systemd service's.
#pragma once

#include <cstdint>
#include <string>

namespace seedcast {

struct ControlGroup {
  double cpu_quota = 0;     // cores' worth; 0: no limit
  int64_t memory_max = 0;   // bytes; 0: no limit
  int64_t memory_used = 0;  // without what the kernel would give back
};

// The tightest of the process's own group and those above it, of version 2 or 1. `root` stands before /proc and /sys.
ControlGroup ReadControlGroup(const std::string& root);

// Bytes that this process may come to use: the machine's memory, or what its control group allows of it.
int64_t UsableMemory(const std::string& root = "");

// How many threads find something to run on: the cores, or as many as a quota feeds, rounded up. At least 1.
int UsableCores(int cores, double cpu_quota);
int UsableCores();  // of this process
int OwnCores();     // that it may be scheduled on, whatever the quota

}  // namespace seedcast
