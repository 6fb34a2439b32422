#include "coordinator/engine/lease_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace seedcast::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LeaseTableTest : public ::testing::Test {
 protected:
  UnitRange Repeat(int64_t lease_id, std::set<int64_t> mine = {}) {
    using Verdict = LeaseTable::Verdict;
    const auto judge = [&](absl::Span<const int64_t> holders) {
      for (const int64_t holder : holders) {
        if (mine.contains(holder)) return Verdict::kPass;
      }
      return holders.size() < 2 ? Verdict::kJoin : Verdict::kStop;
    };
    return table_.Repeat(lease_id, judge).value_or(UnitRange{-1, 0});
  }
  // The units that were new.
  std::vector<int64_t> Complete(UnitRange range) {
    std::vector<int64_t> fresh;
    ended_ = table_.Complete(range, [&](int64_t unit) { fresh.push_back(unit); });
    return fresh;
  }

  LeaseTable table_{10};
  std::vector<int64_t> ended_;
};

TEST_F(LeaseTableTest, GivesOutPendingUnitsFromTheFront) {
  EXPECT_EQ(table_.Take(1, 4), (UnitRange{0, 4}));
  EXPECT_EQ(table_.Take(2, 4), (UnitRange{4, 4}));
  EXPECT_EQ(table_.Take(3, 4), (UnitRange{8, 2}));
  EXPECT_EQ(table_.pending(), 0);
}

TEST_F(LeaseTableTest, IsCompleteWhenEveryUnitIsDone) {
  table_.Take(1, 10);
  EXPECT_THAT(Complete({0, 9}), testing::SizeIs(9));
  EXPECT_FALSE(table_.complete());
  EXPECT_THAT(ended_, IsEmpty());
  EXPECT_THAT(Complete({9, 1}), ElementsAre(9));
  EXPECT_TRUE(table_.complete());
  EXPECT_THAT(ended_, ElementsAre(1));
}

TEST_F(LeaseTableTest, CountsAUnitOnce) {
  table_.Take(1, 3);
  EXPECT_THAT(Complete({0, 3}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Complete({0, 3}), IsEmpty());
  EXPECT_THAT(Complete({2, 2}), ElementsAre(3));
  EXPECT_EQ(table_.done(), 4);
}

TEST_F(LeaseTableTest, ReleasedUnitsArePendingAgain) {
  table_.Take(1, 4);
  table_.Take(2, 4);
  table_.Release(1);
  EXPECT_EQ(table_.pending(), 6);
  EXPECT_EQ(table_.Take(3, 9), (UnitRange{0, 4}));
  EXPECT_EQ(table_.Take(4, 9), (UnitRange{8, 2}));
}

TEST_F(LeaseTableTest, NeighboursGrowTogetherAgain) {
  table_.Take(1, 3);
  table_.Take(2, 3);
  table_.Take(3, 4);
  table_.Release(1);
  table_.Release(3);
  table_.Release(2);
  EXPECT_EQ(table_.Take(4, 100), (UnitRange{0, 10}));
}

TEST_F(LeaseTableTest, ReleaseKeepsWhatIsDone) {
  table_.Take(1, 4);
  Complete({1, 2});
  table_.Release(1);
  EXPECT_EQ(table_.Take(2, 9), (UnitRange{0, 1}));
  EXPECT_EQ(table_.Take(3, 9), (UnitRange{3, 7}));
}

TEST_F(LeaseTableTest, ALateResultTakesItsUnitsFromThePending) {
  table_.Take(1, 4);
  table_.Release(1);
  EXPECT_THAT(Complete({1, 2}), ElementsAre(1, 2));
  EXPECT_EQ(table_.pending(), 8);
  EXPECT_EQ(table_.Take(2, 9), (UnitRange{0, 1}));
  EXPECT_EQ(table_.Take(3, 9), (UnitRange{3, 7}));
}

TEST_F(LeaseTableTest, RepeatsTheOldestRangeOfAnother) {
  table_.Take(1, 5);
  table_.Take(2, 5);
  EXPECT_EQ(Repeat(3, {1}), (UnitRange{5, 5}));
  EXPECT_EQ(Repeat(4), (UnitRange{0, 5}));
  EXPECT_EQ(Repeat(5).count, 0) << "two holders are enough";
}

TEST_F(LeaseTableTest, AResultEndsBothLeasesOfARange) {
  table_.Take(1, 10);
  Repeat(2);
  Complete({0, 10});
  EXPECT_THAT(ended_, ElementsAre(1, 2));
}

TEST_F(LeaseTableTest, ARepeatedRangeIsPendingOnlyWhenBothGaveItUp) {
  table_.Take(1, 10);
  Repeat(2);
  table_.Release(1);
  EXPECT_EQ(table_.pending(), 0);
  EXPECT_EQ(Repeat(3, {1}), (UnitRange{0, 10})) << "the second holder alone: may be repeated again";
  table_.Release(2);
  table_.Release(3);
  EXPECT_EQ(table_.pending(), 10);
}

TEST_F(LeaseTableTest, OneResultMayCoverManyLeases) {
  table_.Take(1, 2);
  table_.Take(2, 2);
  table_.Take(3, 2);
  EXPECT_THAT(Complete({1, 4}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ended_, ElementsAre(2));
}

TEST_F(LeaseTableTest, ReleasingAnUnknownLeaseDoesNothing) {
  table_.Release(99);
  EXPECT_EQ(table_.pending(), 10);
}

// Units 0-3 and 8-9 are at home with 7, 4-5 with 8, 6-7 with nobody.
class HomesTest : public ::testing::Test {
 protected:
  LeaseTable table_{10, {7, 7, 7, 7, 8, 8, kNobody, kNobody, 7, 7}};
};

TEST_F(HomesTest, TheTakersOwnThenNobodysThenTheLastOfTheBusiest) {
  EXPECT_EQ(table_.Take(1, 9, 8), (UnitRange{4, 2})) << "never past the end of a home";
  EXPECT_EQ(table_.Take(2, 1, 8), (UnitRange{6, 1}));
  EXPECT_EQ(table_.Take(3, 9, 8), (UnitRange{7, 1}));
  EXPECT_EQ(table_.BusiestHome(), 7);
  EXPECT_EQ(table_.Take(4, 1, 8), (UnitRange{9, 1})) << "its owner goes on from the front";
  EXPECT_EQ(table_.Take(5, 9, 8), (UnitRange{8, 1}));
  EXPECT_EQ(table_.Take(6, 3, 8), (UnitRange{1, 3}));
  EXPECT_EQ(table_.Take(7, 9, 7), (UnitRange{0, 1}));
  EXPECT_EQ(table_.pending(), 0);
  EXPECT_EQ(table_.BusiestHome(), kNobody);
}

TEST_F(HomesTest, CountsWhatIsPendingWhere) {
  EXPECT_EQ(table_.pending_at(7), 6);
  EXPECT_EQ(table_.pending_at(8), 2);
  EXPECT_EQ(table_.pending_at(kNobody), 2);
  EXPECT_EQ(table_.pending_at(9), 0);
  table_.Take(1, 3, 7);
  EXPECT_EQ(table_.pending_at(7), 3);
  table_.Release(1);
  EXPECT_EQ(table_.pending_at(7), 6);
  table_.Complete({2, 4}, [](int64_t) {});
  EXPECT_EQ(table_.pending_at(7), 4);
  EXPECT_EQ(table_.pending_at(8), 0);
  EXPECT_EQ(table_.pending(), 6);
}

TEST_F(HomesTest, NeighboursOfDifferentHomesStayApart) {
  table_.Take(1, 9, 7);
  table_.Take(2, 9, 8);
  table_.Release(1);
  table_.Release(2);
  EXPECT_EQ(table_.Take(3, 99, 8), (UnitRange{4, 2}));
  EXPECT_EQ(table_.Take(4, 99, 7), (UnitRange{0, 4}));
  EXPECT_EQ(table_.Take(5, 99, 7), (UnitRange{8, 2}));
}

TEST(LeaseTableDeathTest, RefusesARangeOutsideTheWork) {
  LeaseTable table(4);
  EXPECT_DEATH(table.Complete({2, 3}, [](int64_t) {}), "range outside the work");
}

}  // namespace
}  // namespace seedcast::engine
