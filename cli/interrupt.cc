#include "cli/interrupt.h"

#include <map>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/signals.h"

namespace seedcast {
namespace {

constexpr int kExitInterrupted = 130;

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

void CancelEndedCalls() {
  absl::MutexLock lock(&TheCalls().mutex);
  for (const auto& [context, ended] : TheCalls().contexts) {
    if (Interrupted() || *ended) context->TryCancel();
  }
}

// TryCancel() takes locks, which a handler must not: this thread may.
void CancelCallsWhenInterrupted() {
  if (WaitForSignal()) CancelEndedCalls();
}

}  // namespace

void HandleInterrupts() {
  if (CatchSignals(/*exit_code_of_second=*/kExitInterrupted)) std::thread(CancelCallsWhenInterrupted).detach();
}

bool Interrupted() { return SignalsCaught() > 0; }

CancelOnInterrupt::CancelOnInterrupt(grpc::ClientContext* context, const std::atomic<bool>* ended) : context_(context) {
  absl::MutexLock lock(&TheCalls().mutex);
  TheCalls().contexts.emplace(context_, ended);
  if (Interrupted() || *ended) context_->TryCancel();
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
