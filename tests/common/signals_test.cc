#include "common/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace seedcast {
namespace {

constexpr int kExitOfSecond = 7;
constexpr int kBeyondEchoes = 600'000;  // microseconds

// Each test's process dies in it: handlers are for good.
TEST(SignalsTest, TwoAtOnceAreOne) {
  const auto interrupted_by_a_group_and_by_its_wrapper = [] {
    if (!CatchSignals(kExitOfSecond)) _exit(1);
    for (const int signal : {SIGINT, SIGINT, SIGTERM}) raise(signal);
    _exit(SignalsCaught() == 1 && WaitForSignal() ? 0 : 2);
  };
  EXPECT_EXIT(interrupted_by_a_group_and_by_its_wrapper(), ::testing::ExitedWithCode(0), "");
}

TEST(SignalsTest, AnEchoIsNotWaitedFor) {
  const auto told_twice = [] {
    if (!CatchSignals(std::nullopt)) _exit(1);
    for (const int signal : {SIGINT, SIGINT}) raise(signal);
    EndWaitingForSignals();
    const bool first = WaitForSignal(), second = WaitForSignal();
    _exit(first && !second ? 0 : 2);
  };
  EXPECT_EXIT(told_twice(), ::testing::ExitedWithCode(0), "");
}

TEST(SignalsTest, ASecondOneEndsTheProcess) {
  const auto interrupted_again = [] {
    if (!CatchSignals(kExitOfSecond)) _exit(1);
    raise(SIGINT);
    usleep(kBeyondEchoes);
    raise(SIGTERM);
    _exit(0);
  };
  EXPECT_EXIT(interrupted_again(), ::testing::ExitedWithCode(kExitOfSecond), "");
}

TEST(SignalsTest, ASecondOneIsWaitedForWhereItEndsNothing) {
  const auto told_again = [] {
    if (!CatchSignals(std::nullopt)) _exit(1);
    raise(SIGTERM);
    usleep(kBeyondEchoes);
    raise(SIGTERM);
    EndWaitingForSignals();
    const bool first = WaitForSignal(), second = WaitForSignal();
    _exit(first && second && SignalsCaught() == 2 ? 0 : 2);
  };
  EXPECT_EXIT(told_again(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace seedcast
