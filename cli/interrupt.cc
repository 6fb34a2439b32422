#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <thread>

#include "absl/synchronization/mutex.h"

namespace seedcast {
namespace {

constexpr int kExitInterrupted = 130;

std::atomic<bool> interrupted = false;
int wake_pipe[2] = {-1, -1};

// The calls in hand. Never destroyed: the waking thread may outlive main().
struct Calls {
  absl::Mutex mutex;
  // Each with the flag that ends it beside an interrupt.
  std::map<grpc::ClientContext*, const std::atomic<bool>*> contexts ABSL_GUARDED_BY(mutex);
};
Calls& TheCalls() {
  static Calls* const calls = new Calls;
  return *calls;
}

// TryCancel() takes locks, which a handler must not: it only wakes a thread that may.
extern "C" void OnSignal(int) {
  if (interrupted.exchange(true)) _exit(kExitInterrupted);
  const int saved = errno;
  const char wake = 1;
  [[maybe_unused]] const ssize_t written = write(wake_pipe[1], &wake, 1);
  errno = saved;
}

void CancelEndedCalls() {
  absl::MutexLock lock(&TheCalls().mutex);
  for (const auto& [context, ended] : TheCalls().contexts) {
    if (interrupted || *ended) context->TryCancel();
  }
}

void CancelCallsWhenWoken() {
  char byte;
  while (read(wake_pipe[0], &byte, 1) < 0) {  // only EINTR ends a read of this pipe early
  }
  CancelEndedCalls();
}

}  // namespace

void HandleInterrupts() {
  if (pipe2(wake_pipe, O_CLOEXEC) != 0) return;  // no descriptors left: the default handlers stay
  std::thread(CancelCallsWhenWoken).detach();
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return interrupted; }

CancelOnInterrupt::CancelOnInterrupt(grpc::ClientContext* context, const std::atomic<bool>* ended) : context_(context) {
  absl::MutexLock lock(&TheCalls().mutex);
  TheCalls().contexts.emplace(context_, ended);
  if (interrupted || *ended) context_->TryCancel();
}

CancelOnInterrupt::~CancelOnInterrupt() {
  absl::MutexLock lock(&TheCalls().mutex);
  TheCalls().contexts.erase(context_);
}

void CancelOnInterrupt::CancelCalls(std::atomic<bool>* ended) {
  *ended = true;
  CancelEndedCalls();
}

}  // namespace seedcast
