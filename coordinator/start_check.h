// What would keep a coordinator from starting, found without starting one: --check-config.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/server.h"

namespace seedcast {

struct StartCheck {
  std::vector<absl::Status> problems;  // each begins with the option's name
  std::vector<std::string> remarks;    // what is worth a line, but wrong only perhaps
};

// `options` are valid. Addresses are bound for an instant, directories written to; nothing stays. Where a process has
// the store open, that is the coordinator these options are of, and its addresses are left alone.
StartCheck CheckStart(const ServerOptions& options);

}  // namespace seedcast
