#include "cli/doctor/in_background.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace seedcast {
namespace {

TEST(InBackgroundTest, TakesWhatIsThereAndLeavesWhatHangs) {
  auto quick = InBackground([] { return 7; });
  EXPECT_EQ(TakeBy(absl::Now() + absl::Seconds(60), quick), 7);
  const auto end = std::make_shared<absl::Notification>();
  auto hanging = InBackground([end] {
    end->WaitForNotification();
    return 8;
  });
  EXPECT_EQ(TakeBy(absl::Now() + absl::Milliseconds(20), hanging), std::nullopt);
  end->Notify();
  EXPECT_EQ(TakeBy(absl::Now() + absl::Seconds(60), hanging), 8);
}

}  // namespace
}  // namespace seedcast
