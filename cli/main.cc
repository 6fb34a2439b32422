#include <unistd.h>

#include <iostream>

#include "cli/app.h"
#include "cli/interrupt.h"
#include "common/config/environment_names.h"

int main(int argc, char** argv) {
  if (const absl::Status known = seedcast::CheckEnvironmentNames(environ, {}); !known.ok()) {
    std::cerr << "seedcast: " << known.message() << std::endl;
    return seedcast::kExitUsage;
  }
  seedcast::HandleInterrupts();
  seedcast::Console console{std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
  return seedcast::RunApp({argv + 1, argv + argc}, console);
}
