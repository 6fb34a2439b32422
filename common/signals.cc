#include "common/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace seedcast {
namespace {

constexpr int kNoExit = -1;
constexpr int64_t kEchoNanoseconds = 500'000'000;

int wake_pipe[2] = {-1, -1};
std::atomic<int> caught = 0;
std::atomic<int> second_exit_code = kNoExit;
std::atomic<int64_t> first_caught = 0;  // nanoseconds of the monotonic clock; 0: none yet
static_assert(std::atomic<int64_t>::is_always_lock_free, "handlers take no locks");

// Also of two handlers that run at once, on two threads, one alone is the first.
bool IsEcho() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);  // a handler may
  const int64_t now = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  int64_t first = 0;
  return !first_caught.compare_exchange_strong(first, now) && now - first <= kEchoNanoseconds;
}

extern "C" void OnSignal(int) {
  if (IsEcho()) return;
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
