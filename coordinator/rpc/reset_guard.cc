#include "coordinator/rpc/reset_guard.h"

#include <utility>

#include "common/clock.h"
#include "coordinator/rpc/call_counts.h"
#include "coordinator/rpc/reset_ledger.h"

namespace seedcast {
namespace {

constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr absl::Duration kCountEvery = absl::Minutes(1);
constexpr int64_t kManyCalls = static_cast<int64_t>(ResetLedger::kAtOnce) / 2;

}  // namespace

ResetGuard::ResetGuard(std::function<void(const std::string& peer)> cut_off)
    : cut_off_(std::move(cut_off)), thread_([this] { Run(); }) {}

ResetGuard::~ResetGuard() {
  stop_.Notify();
  thread_.join();
}

void ResetGuard::Run() {
  const SteadyClock clock;
  ResetLedger ledger;
  absl::Time counted = absl::InfinitePast();
  int64_t calls_then = 0;
  while (!stop_.WaitForNotificationWithTimeout(kLookEvery)) {
    const absl::Time now = clock.Now();
    const int64_t calls = CallsStarted();
    if (calls - calls_then < kManyCalls && now - counted < kCountEvery) continue;
    for (const std::string& peer : ledger.Take(CountResetCalls(), now)) cut_off_(peer);
    counted = now;
    calls_then = calls;
  }
}

}  // namespace seedcast
