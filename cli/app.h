// The `seedcast` command as a function, so that tests run it without a process.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/console.h"

namespace seedcast {

// Scripts rely on these; --help lists them.
enum ExitCode {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,        // usage or bad input
  kExitUnreachable = 3,  // no coordinator
  kExitDamaged = 4,      // verification failed, or stored data is damaged
  kExitInterrupted = 130,
};

// `arguments` without the program's name; of `environment`, as main()'s third argument, the SEEDCAST_ names count. An
// error is one line on console.err.
int RunApp(const std::vector<std::string>& arguments, const char* const* environment, Console& console);

int ExitCodeOf(const absl::Status& status);

}  // namespace seedcast
