#include "common/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace seedcast {
namespace {

constexpr int kNoExit = -1;

int wake_pipe[2] = {-1, -1};
std::atomic<int> caught = 0;
std::atomic<int> second_exit_code = kNoExit;

extern "C" void OnSignal(int) {
  if (caught.fetch_add(1) > 0 && second_exit_code != kNoExit) _exit(second_exit_code);
  const int saved = errno;
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = write(wake_pipe[1], &byte, 1);
  errno = saved;
}

}  // namespace

bool CatchSignals(std::optional<int> exit_code_of_second) {
  if (pipe2(wake_pipe, O_CLOEXEC) != 0) return false;
  second_exit_code = exit_code_of_second.value_or(kNoExit);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  return sigaction(SIGTERM, &action, nullptr) == 0 && sigaction(SIGINT, &action, nullptr) == 0;
}

int SignalsCaught() { return caught; }

bool WaitForSignal() {
  char byte;
  ssize_t count;
  do {
    count = read(wake_pipe[0], &byte, 1);
  } while (count < 0 && errno == EINTR);  // by the signal itself
  return count == 1;
}

void EndWaitingForSignals() { close(wake_pipe[1]); }

void IgnoreBrokenPipes() { signal(SIGPIPE, SIG_IGN); }

}  // namespace seedcast
