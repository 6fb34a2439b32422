#include "coordinator/rpc/reset_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ResetLedgerTest : public ::testing::Test {
 protected:
  std::vector<std::string> Take(const std::vector<ConnectionCounts>& connections, absl::Duration later) {
    now_ += later;
    return ledger_.Take(connections, now_);
  }

  ResetLedger ledger_;
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(ResetLedgerTest, NamesWhoResetsTooManyAtOnce) {
  EXPECT_THAT(Take({{1, "a", 500}, {2, "b", 501}}, absl::ZeroDuration()), ElementsAre("b"));
  EXPECT_THAT(Take({{1, "a", 506}, {3, "c", 500}}, absl::Milliseconds(100)), ElementsAre("a"));
}

TEST_F(ResetLedgerTest, NamesWhoResetsTooFastForLong) {
  std::vector<std::string> named;
  int seconds = 0;
  for (; named.empty() && seconds < 100; ++seconds)
    named = Take({{1, "slow", 49 * seconds}, {2, "fast", 60 * seconds}}, absl::Seconds(1));
  EXPECT_THAT(named, ElementsAre("fast"));
  EXPECT_NEAR(seconds, 47, 1) << "60 in the first second, then 10 more than leak";
}

TEST_F(ResetLedgerTest, ForgetsWhatIsLongPast) {
  EXPECT_THAT(Take({{1, "a", 400}}, absl::ZeroDuration()), IsEmpty());
  EXPECT_THAT(Take({{1, "a", 800}}, absl::Seconds(10)), IsEmpty());
  EXPECT_THAT(Take({{1, "a", 1300}}, absl::Minutes(1)), IsEmpty());
  EXPECT_THAT(Take({{1, "a", 1301}}, absl::ZeroDuration()), ElementsAre("a"));
}

TEST_F(ResetLedgerTest, AConnectionInThePlaceOfAnotherBeginsAnew) {
  EXPECT_THAT(Take({{1, "a", 500}}, absl::ZeroDuration()), IsEmpty());
  EXPECT_THAT(Take({}, absl::ZeroDuration()), IsEmpty());
  EXPECT_THAT(Take({{1, "a", 500}}, absl::ZeroDuration()), IsEmpty());
}

}  // namespace
}  // namespace seedcast
