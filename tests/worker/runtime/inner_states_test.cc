#include "worker/runtime/inner_states.h"

#include <gtest/gtest.h>

#include <thread>

namespace seedcast {
namespace {

constexpr int64_t kStateBytes = 10'000;

struct Numbered final : InnerState {
  explicit Numbered(int n) : number(n) {}
  std::unique_ptr<InnerState> Clone() const override { return std::make_unique<Numbered>(*this); }
  int64_t Bytes() const override { return kStateBytes; }
  int number;
};

InnerTrainings Trainings(int64_t generation, int number = 0) {
  InnerTrainings trainings{generation, {}};
  trainings.members.push_back({std::make_unique<Numbered>(number), absl::OkStatus()});
  return trainings;
}

int NumberOf(const InnerTrainings& trainings) {
  return static_cast<const Numbered&>(*trainings.members[0].state).number;
}

TEST(InnerStatesTest, WhatIsTakenIsNoLongerThere) {
  InnerStates states(1 << 20);
  states.Put({1, 0, 7}, Trainings(5, 42));
  EXPECT_GE(states.stats().bytes, kStateBytes);
  const auto taken = states.Take({1, 0, 7}, 5, 5);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(NumberOf(*taken), 42);
  EXPECT_FALSE(states.Take({1, 0, 7}, 5, 5).has_value());
  EXPECT_EQ(states.stats().bytes, 0);
  EXPECT_EQ(states.stats().hits, 1);
}

TEST(InnerStatesTest, JobsClustersAndPairsAreKeptApart) {
  InnerStates states(1 << 20);
  states.Put({1, 0, 7}, Trainings(5));
  for (const InnerKey& other : {InnerKey{2, 0, 7}, {1, 1, 7}, {1, 0, 8}}) {
    EXPECT_FALSE(states.Take(other, 0, 100).has_value());
  }
}

TEST(InnerStatesTest, OnlyGenerationsInRangeAreOfUse) {
  InnerStates states(1 << 20);
  states.Put({1, 0, 0}, Trainings(5));
  EXPECT_FALSE(states.Take({1, 0, 0}, 6, 9).has_value()) << "of an inner training that has ended";
  EXPECT_FALSE(states.Take({1, 0, 0}, 2, 4).has_value()) << "of the future";
  EXPECT_TRUE(states.Take({1, 0, 0}, 2, 9).has_value()) << "a start for the generations since";
}

TEST(InnerStatesTest, AnOlderOneDoesNotReplaceANewerOne) {
  InnerStates states(1 << 20);
  states.Put({1, 0, 0}, Trainings(5, 50));
  states.Put({1, 0, 0}, Trainings(4, 40));
  states.Put({1, 0, 0}, Trainings(5, 51));
  EXPECT_EQ(NumberOf(*states.Take({1, 0, 0}, 0, 9)), 51);
}

TEST(InnerStatesTest, TheLeastRecentlyPutMakeRoom) {
  InnerStates states(3 * kStateBytes + 3000);
  for (int pair = 0; pair < 3; ++pair) states.Put({1, 0, pair}, Trainings(1));
  states.Put({1, 0, 0}, Trainings(2));
  states.Put({1, 0, 3}, Trainings(1));
  EXPECT_FALSE(states.Take({1, 0, 1}, 0, 9).has_value());
  for (const int pair : {0, 2, 3}) EXPECT_TRUE(states.Take({1, 0, pair}, 0, 9).has_value()) << pair;
}

TEST(InnerStatesTest, NothingIsKeptWithoutRoom) {
  InnerStates states(0);
  states.Put({1, 0, 0}, Trainings(1));
  EXPECT_FALSE(states.Take({1, 0, 0}, 0, 9).has_value());
  EXPECT_EQ(states.stats().bytes, 0);
}

TEST(InnerStatesTest, AJobIsForgottenAsAWhole) {
  InnerStates states(1 << 20);
  for (const int64_t job : {1, 2, 3}) {
    for (int pair = 0; pair < 4; ++pair) states.Put({job, pair % 2, pair}, Trainings(1));
  }
  const int64_t before = states.stats().bytes;
  states.Forget(2);
  EXPECT_EQ(states.stats().bytes, before * 2 / 3);
  EXPECT_FALSE(states.Take({2, 0, 0}, 0, 9).has_value());
  EXPECT_TRUE(states.Take({1, 0, 0}, 0, 9).has_value());
  EXPECT_TRUE(states.Take({3, 1, 3}, 0, 9).has_value());
}

TEST(InnerStatesTest, SlotsMayUseItAtTheSameTime) {
  InnerStates states(20 * kStateBytes);
  std::vector<std::thread> slots;
  for (int slot = 0; slot < 4; ++slot) {
    slots.emplace_back([&states, slot] {
      for (int i = 0; i < 500; ++i) {
        const InnerKey key{1, slot % 2, i % 16};
        std::optional<InnerTrainings> taken = states.Take(key, 0, 1000);
        states.Put(key, taken ? *std::move(taken) : Trainings(i));
      }
    });
  }
  for (std::thread& slot : slots) slot.join();
  EXPECT_LE(states.stats().bytes, 20 * kStateBytes);
}

}  // namespace
}  // namespace seedcast
