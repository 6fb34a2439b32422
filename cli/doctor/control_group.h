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

}  // namespace seedcast
