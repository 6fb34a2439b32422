// The state of a search: theta and what the optimizer remembers. A cache of the job's log (ARCHITECTURE.md, "The log").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/digest.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

struct State {
  int64_t version = 0;
  std::vector<float> theta;          // (num_parameters), mean of the search distribution
  std::vector<float> first_moment;   // (num_parameters) or empty: Adam's m, SGD's and RMSProp's velocity
  std::vector<float> second_moment;  // (num_parameters) or empty: Adam's v, RMSProp's mean square

  bool operator==(const State&) const = default;
};

// Version 0: theta as given, moments of the sizes that strategy's optimizer needs: zero, but RMSProp's mean square
// initial_mean_square.
State InitialState(const v1::Strategy& strategy, std::vector<float> theta);

// SHA-256 over "seedcast state 1", version, sizes and the float bits.
Digest StateDigest(const State& state);

// Byte form of a snapshot: the grammar stands above the function that writes it.
std::string SerializeState(const State& state);
// DATA_LOSS with offset, expected and found when the bytes are not a state.
absl::StatusOr<State> ParseState(absl::string_view bytes);

}  // namespace seedcast
