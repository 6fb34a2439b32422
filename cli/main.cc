#include <unistd.h>

#include <iostream>

#include "cli/app.h"
#include "cli/interrupt.h"
#include "common/grpc_log.h"

int main(int argc, char** argv) {
  seedcast::RouteGrpcLog(seedcast::GrpcErrors::kDebug);
  seedcast::HandleInterrupts();
  seedcast::Console console{std::cout, std::cerr, isatty(STDERR_FILENO) == 1};
  return seedcast::RunApp({argv + 1, argv + argc}, environ, console);
}
