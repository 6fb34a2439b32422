#include <gtest/gtest.h>

#include <vector>

#include "coordinator/schedule/fair_share.h"
#include "coordinator/schedule/lease_size.h"

namespace seedcast {
namespace {

TEST(LeaseSizeTest, DecidesByRateAndByWhatRemains) {
  const struct {
    const char* why;
    LeaseSizeInput input;
    int64_t expected;
  } cases[] = {
      {"a worker never measured gets one unit", {0, 0.5, 1000, 1}, 1},
      {"half a second of work", {0.01, 0.5, 100'000, 2}, 50},
      {"slower than the target: still one", {3.0, 0.5, 100'000, 2}, 1},
      {"half of an equal share of what remains", {0.001, 0.5, 256, 2}, 64},
      {"rounded up", {0.001, 0.5, 9, 2}, 3},
      {"the tail goes one by one", {0.001, 0.5, 3, 2}, 1},
      {"more slots than units", {0.001, 0.5, 5, 4096}, 1},
      {"no slots counted: taken as one", {0.001, 0.5, 8, 0}, 4},
      {"never above the limit of a message", {1e-7, 3600, 10'000'000, 1}, kMaxLeaseUnits},
  };
  for (const auto& c : cases) EXPECT_EQ(LeaseSize(c.input), c.expected) << c.why;
}

TEST(LeaseSizeTest, LeasesShrinkUntilNothingIsLeft) {
  int64_t remaining = 256, last = 256, leases = 0;
  while (remaining > 0) {
    const int64_t size = LeaseSize({0.001, 0.5, remaining, 2});
    ASSERT_LE(size, last);
    ASSERT_LE(size, remaining);
    remaining -= size;
    last = size;
    ++leases;
  }
  EXPECT_EQ(last, 1);
  EXPECT_LT(leases, 24);
}

TEST(LeaseSizeTest, SmoothsTheMeasuredRate) {
  EXPECT_DOUBLE_EQ(SmoothedSecondsPerUnit(0, 2.0, 4), 0.5);
  EXPECT_DOUBLE_EQ(SmoothedSecondsPerUnit(0.5, 6.0, 4), 0.7 * 0.5 + 0.3 * 1.5);
  EXPECT_GT(SmoothedSecondsPerUnit(0, 0.0, 4), 0) << "a clock too coarse does not make a worker infinitely fast";
}

TEST(FairShareTest, TheLeastServedJobComesFirst) {
  const struct {
    const char* why;
    std::vector<ShareCandidate> candidates;
    std::optional<size_t> expected;
  } cases[] = {
      {"nobody there", {}, std::nullopt},
      {"nobody wants work", {{1, false}, {2, false}}, std::nullopt},
      {"least served", {{5, true}, {3, true}, {4, true}}, 1},
      {"least served of those that want work", {{5, true}, {3, false}, {4, true}}, 2},
      {"ties go to the older job", {{3, true}, {3, true}}, 0},
  };
  for (const auto& c : cases) EXPECT_EQ(LeastServed(c.candidates), c.expected) << c.why;
}

TEST(FairShareTest, ANewJobHasNoClaimOnThePast) {
  EXPECT_EQ(EntryShare(0, {}), 0);
  EXPECT_EQ(EntryShare(0, std::vector<double>{100, 120}), 100);
  EXPECT_EQ(EntryShare(130, std::vector<double>{100, 120}), 130);
}

TEST(FairShareTest, CreditIsBounded) {
  EXPECT_EQ(BoundedCredit(0, std::vector<ShareCandidate>{{0, true}, {1000, true}}), 940);
  EXPECT_EQ(BoundedCredit(0, std::vector<ShareCandidate>{{0, true}, {1000, false}}), 0);
  EXPECT_EQ(BoundedCredit(990, std::vector<ShareCandidate>{{990, true}, {1000, true}}), 990);
}

}  // namespace
}  // namespace seedcast
