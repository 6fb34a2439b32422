#include "coordinator/status/shown_generations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace seedcast {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSubsetOf;

v1::JobSpec Spec(int64_t generations, int64_t validation_every) {
  v1::JobSpec spec;
  spec.set_generations(generations);
  spec.mutable_validation()->set_every(validation_every);
  return spec;
}

TEST(ShownGenerationsTest, AllOfAShortJob) {
  EXPECT_THAT(ShownGenerations(Spec(100, 20), 0), ElementsAre());
  EXPECT_THAT(ShownGenerations(Spec(100, 20), 5), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(ShownGenerations(Spec(5, 0), 5), ElementsAre(0, 1, 2, 3, 4, 5)) << "the last has a validation";
  EXPECT_EQ(ShownGenerations(Spec(1000, 0), kMostShown).size(), size_t{kMostShown});
}

TEST(ShownGenerationsTest, SomeOfALongJobAndSomeOfItsValidations) {
  const std::vector<int64_t> shown = ShownGenerations(Spec(10'000'000, 300), 9'999'999);
  EXPECT_LE(shown.size(), size_t{2 * kMostShown});
  EXPECT_TRUE(std::is_sorted(shown.begin(), shown.end()));
  const auto validations = std::count_if(shown.begin(), shown.end(), [](int64_t g) { return g % 300 == 0; });
  EXPECT_GT(validations, kMostShown / 2);
}

// Else the end of the log would not be all that is left to read.
TEST(ShownGenerationsTest, NothingOldAppearsLater) {
  const v1::JobSpec spec = Spec(5000, 7);
  std::vector<int64_t> before;
  for (int64_t version = 0; version <= 5000; version += 13) {
    const std::vector<int64_t> now = ShownGenerations(spec, version);
    const auto seen = std::lower_bound(now.begin(), now.end(), std::max<int64_t>(0, version - 13));
    EXPECT_THAT(std::vector<int64_t>(now.begin(), seen), IsSubsetOf(before)) << version;
    before = now;
  }
}

}  // namespace
}  // namespace seedcast
