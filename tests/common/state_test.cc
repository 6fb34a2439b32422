#include "common/strategy/state.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

namespace seedcast {
namespace {

State SomeState() {
  State state;
  state.version = 17;
  state.theta = {1, -0.0f, 3e-42f};
  state.first_moment = {4, 5, 6};
  state.second_moment = {7};
  return state;
}

TEST(StateTest, InitialStateHasTheMomentsOfItsOptimizer) {
  v1::Strategy strategy;
  strategy.mutable_sgd();
  State state = InitialState(strategy, {1, 2});
  EXPECT_EQ(state.version, 0);
  EXPECT_EQ(state.first_moment, std::vector<float>(2));
  EXPECT_TRUE(state.second_moment.empty());
  strategy.mutable_adam();
  state = InitialState(strategy, {1, 2});
  EXPECT_EQ(state.second_moment, std::vector<float>(2));
}

TEST(StateTest, ComesBackFromItsBytes) {
  for (const State& state : {SomeState(), State()}) {
    const absl::StatusOr<State> parsed = ParseState(SerializeState(state));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, state);
    EXPECT_EQ(StateDigest(*parsed), StateDigest(state));
  }
}

TEST(StateTest, DigestSeesEveryBitAndEverySize) {
  const Digest digest = StateDigest(SomeState());
  State other = SomeState();
  other.theta[1] = 0.0f;
  EXPECT_NE(StateDigest(other), digest) << "the sign of a zero";
  other = SomeState();
  ++other.version;
  EXPECT_NE(StateDigest(other), digest);
  other = SomeState();
  other.second_moment.insert(other.second_moment.begin(), other.first_moment.back());
  other.first_moment.pop_back();
  EXPECT_NE(StateDigest(other), digest) << "the same floats, split elsewhere";
}

TEST(StateTest, AnyCutIsDataLoss) {
  const std::string bytes = SerializeState(SomeState());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ParseState(absl::string_view(bytes).substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_EQ(ParseState(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(StateTest, AnyFlippedBitIsDataLoss) {
  const std::string bytes = SerializeState(SomeState());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(ParseState(flipped).status().code(), absl::StatusCode::kDataLoss) << bit;
  }
}

TEST(StateTest, AbsurdSizesAreRefusedBeforeAnythingIsAllocated) {
  for (const uint64_t size : {std::numeric_limits<uint64_t>::max(), uint64_t{1} << 62, uint64_t{1} << 40}) {
    for (const size_t offset : {16, 24, 32}) {
      std::string bytes = SerializeState(SomeState());
      std::memcpy(bytes.data() + offset, &size, sizeof size);
      EXPECT_EQ(ParseState(bytes).status().code(), absl::StatusCode::kDataLoss);
    }
  }
}

}  // namespace
}  // namespace seedcast
