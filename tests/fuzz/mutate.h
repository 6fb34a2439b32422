// Hostile bytes: what valid ones become after a few random edits. The n-th mutation is the same on every machine, so a
// failure is found again by its number.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "common/noise/philox.h"

namespace seedcast {

// One edit of `bytes`, which are not empty: a bit, a byte, a number, a piece cut out, doubled or moved.
inline void Edit(PhiloxStream* random, std::string* bytes) {
  const auto size = static_cast<uint32_t>(bytes->size());
  const uint32_t at = random->Below(size);
  const uint32_t length = 1 + random->Below(std::min<uint32_t>(size - at, 64));
  switch (random->Below(6)) {
    case 0:
      (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << random->Below(8)));
      break;
    case 1:
      (*bytes)[at] = static_cast<char>(random->Below(256));
      break;
    case 2: {
      constexpr uint64_t kNumbers[] = {
          0, 1, 0x7f, 0x80, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, ~uint64_t{0} >> 1, ~uint64_t{0}};
      const uint64_t number = kNumbers[random->Below(std::size(kNumbers))];
      std::memcpy(bytes->data() + at, &number, std::min<size_t>(size - at, random->Below(2) == 0 ? 4 : 8));
      break;
    }
    case 3:
      bytes->erase(at, length);
      break;
    case 4:
      bytes->insert(random->Below(size), bytes->substr(at, length));
      break;
    default:
      std::rotate(bytes->begin(), bytes->begin() + at, bytes->end());
  }
}

inline std::string Mutation(std::string bytes, uint32_t number) {
  PhiloxStream random(/*seed=*/1, number, /*substream=*/0, /*domain=*/0);
  for (uint32_t edits = 1 + random.Below(4); edits > 0 && !bytes.empty(); --edits) Edit(&random, &bytes);
  return bytes;
}

// Calls `check` with one mutation after another of what `valid` gives, until it fails, or a second or `most` are over.
inline void ForMutations(uint32_t most, const std::function<std::string()>& valid,
                         const std::function<void(const std::string& mutation)>& check) {
  const absl::Time end = absl::Now() + absl::Seconds(1);
  uint32_t number = 0;
  for (; number < most && absl::Now() < end && !::testing::Test::HasFailure(); ++number) {
    const std::string mutation = Mutation(valid(), number);
    check(mutation);
    EXPECT_FALSE(::testing::Test::HasFailure()) << "mutation " << number << ": " << absl::CHexEscape(mutation);
  }
  EXPECT_GT(number, 0u);
}

}  // namespace seedcast
