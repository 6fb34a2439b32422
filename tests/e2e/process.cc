#include "tests/e2e/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"

extern char** environ;

namespace seedcast {

namespace {

// Without ours: SEEDCAST_BINARY_DIR and the like are for tests, and the programs take no SEEDCAST_ name they do not
// know.
std::vector<char*> ForeignEnvironment() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "SEEDCAST_")) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace

Process::Process(const std::string& program, std::vector<std::string> arguments) {
  const char* build = std::getenv("SEEDCAST_BINARY_DIR");
  std::string path = std::string(build == nullptr ? "." : build) + "/" + program;
  std::vector<char*> argv = {path.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  int fds[2];
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
  EXPECT_EQ(posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), ForeignEnvironment().data()), 0) << path;
  posix_spawn_file_actions_destroy(&actions);
  close(fds[1]);
  reader_ = std::thread([this, fd = fds[0]] { ReadLines(fd); });
}

Process::~Process() {
  if (!waited_ && pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  reader_.join();
  // A finding counts in a process that the test kills, too. AddressSanitizer and UBSan end the process themselves.
  EXPECT_EQ(Output().find("WARNING: ThreadSanitizer"), std::string::npos) << Output();
}

void Process::ReadLines(int fd) {
  FILE* stream = fdopen(fd, "r");
  char* line = nullptr;
  size_t capacity = 0;
  ssize_t size;
  while ((size = getline(&line, &capacity, stream)) > 0) {
    absl::MutexLock lock(&mutex_);
    lines_.emplace_back(line, size - (line[size - 1] == '\n' ? 1 : 0));
  }
  std::free(line);
  std::fclose(stream);
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

std::string Process::WaitForLine(const std::string& text, absl::Duration timeout) {
  std::string found;
  const auto seen = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (const std::string& line : lines_) {
      if (line.find(text) != std::string::npos) return found = line, true;
    }
    return closed_;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&seen), timeout);
  return found;
}

void Process::Signal(int signal) { ASSERT_EQ(kill(pid_, signal), 0); }

int Process::Wait(absl::Duration timeout) {
  if (waited_) return exit_code_;
  {
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(this, &Process::Closed), timeout)) {
      ADD_FAILURE() << "process still runs after " << timeout << "\n" << absl::StrJoin(lines_, "\n");
      kill(pid_, SIGKILL);
    }
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  waited_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return exit_code_;
}

std::string Process::Output() {
  absl::MutexLock lock(&mutex_);
  return absl::StrJoin(lines_, "\n");
}

}  // namespace seedcast
