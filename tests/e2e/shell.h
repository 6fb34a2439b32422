// Commands as a user types them: what they say, and the code with which they end.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace seedcast {

struct ShellResult {
  int exit_code;
  std::string output;  // standard output and standard error
};

// `command` sees the programs as $COORDINATOR, $WORKER and $CLI, and of the SEEDCAST_ names only those that it sets.
inline ShellResult Shell(const std::string& command) {
  const char* build = std::getenv("SEEDCAST_BINARY_DIR");
  const std::string folder = build == nullptr ? "." : build;
  const std::string script =
      "unset SEEDCAST_SOURCE_DIR SEEDCAST_BINARY_DIR SEEDCAST_COORDINATOR\nCOORDINATOR=" + folder +
      "/coordinator/seedcast-coordinator\nWORKER=" + folder + "/worker/seedcast-worker\nCLI=" + folder +
      "/cli/seedcast\nexec 2>&1\n" + command;
  FILE* pipe = popen(script.c_str(), "r");
  ShellResult result;
  char bytes[4096];
  size_t count;
  while ((count = fread(bytes, 1, sizeof bytes, pipe)) > 0) result.output.append(bytes, count);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return result;
}

}  // namespace seedcast
