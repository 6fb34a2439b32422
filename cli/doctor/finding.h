// What `seedcast doctor` has to say of one thing it looked at.
#pragma once

#include <string>
#include <vector>

namespace seedcast {

enum class Verdict {
  kOk,
  kWarn,  // works, but not as well as it might
  kFail,  // something will not work
};

struct Finding {
  std::string check;  // "cores"; scripts may look for it
  Verdict verdict;
  std::string found;
  std::string advice;  // what to do; empty for kOk
};

using Findings = std::vector<Finding>;

}  // namespace seedcast
