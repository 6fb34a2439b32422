// ThreadSanitizer understands pthread's locks; Abseil's are futexes inside a library that the distribution built
// without it. This file, linked into the programs of a ThreadSanitizer build, stands before that library's functions
// and tells the sanitizer what they order. It adds nothing to any other build.
//
// What a lock orders: everything before an Unlock happens before what follows the next Lock. A condition of Await is
// evaluated under the lock, but by whichever thread unlocks, after it has said so: its reads are left out.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);

namespace {

template <typename Function>
Function Real(const char* mangled) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, mangled));
}

// Calls the library's function; Result (*)(Object*, Arguments...) is how a member function is called in this ABI.
#define SEEDCAST_REAL(mangled, type, ...)         \
  [&] {                                           \
    static const auto real = Real<type>(mangled); \
    return real(__VA_ARGS__);                     \
  }()

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  SEEDCAST_REAL("_ZN4absl7debian35Mutex4LockEv", void (*)(Mutex*), this);
  __tsan_acquire(this);
}
void Mutex::Unlock() {
  __tsan_release(this);
  SEEDCAST_REAL("_ZN4absl7debian35Mutex6UnlockEv", void (*)(Mutex*), this);
}
bool Mutex::TryLock() {
  const bool locked = SEEDCAST_REAL("_ZN4absl7debian35Mutex7TryLockEv", bool (*)(Mutex*), this);
  if (locked) __tsan_acquire(this);
  return locked;
}
void Mutex::ReaderLock() {
  SEEDCAST_REAL("_ZN4absl7debian35Mutex10ReaderLockEv", void (*)(Mutex*), this);
  __tsan_acquire(this);
}
void Mutex::ReaderUnlock() {
  __tsan_release(this);
  SEEDCAST_REAL("_ZN4absl7debian35Mutex12ReaderUnlockEv", void (*)(Mutex*), this);
}
void Mutex::LockWhen(const Condition& condition) {
  SEEDCAST_REAL("_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE", void (*)(Mutex*, const Condition&), this,
                condition);
  __tsan_acquire(this);
}
void Mutex::Await(const Condition& condition) {
  __tsan_release(this);
  SEEDCAST_REAL("_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE", void (*)(Mutex*, const Condition&), this, condition);
  __tsan_acquire(this);
}
bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  __tsan_release(this);
  const bool held = SEEDCAST_REAL("_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE",
                                  bool (*)(Mutex*, const Condition&, Duration), this, condition, timeout);
  __tsan_acquire(this);
  return held;
}
bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  __tsan_release(this);
  const bool held = SEEDCAST_REAL("_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE",
                                  bool (*)(Mutex*, const Condition&, Time), this, condition, deadline);
  __tsan_acquire(this);
  return held;
}

void CondVar::Wait(Mutex* mutex) {
  __tsan_release(mutex);
  SEEDCAST_REAL("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE", void (*)(CondVar*, Mutex*), this, mutex);
  __tsan_acquire(mutex);
}
bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  __tsan_release(mutex);
  const bool expired = SEEDCAST_REAL("_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE",
                                     bool (*)(CondVar*, Mutex*, Duration), this, mutex, timeout);
  __tsan_acquire(mutex);
  return expired;
}
bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  __tsan_release(mutex);
  const bool expired = SEEDCAST_REAL("_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE",
                                     bool (*)(CondVar*, Mutex*, Time), this, mutex, deadline);
  __tsan_acquire(mutex);
  return expired;
}

bool Condition::Eval() const {
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  const bool held = SEEDCAST_REAL("_ZNK4absl7debian39Condition4EvalEv", bool (*)(const Condition*), this);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  return held;
}

void Notification::Notify() {
  __tsan_release(this);
  SEEDCAST_REAL("_ZN4absl7debian312Notification6NotifyEv", void (*)(Notification*), this);
}
void Notification::WaitForNotification() const {
  SEEDCAST_REAL("_ZNK4absl7debian312Notification19WaitForNotificationEv", void (*)(const Notification*), this);
  __tsan_acquire(const_cast<Notification*>(this));
}

ABSL_NAMESPACE_END
}  // namespace absl
