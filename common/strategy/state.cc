#include "common/strategy/state.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr char kMagic[] = "SEEDST01";
constexpr size_t kMagicSize = sizeof kMagic - 1;
constexpr size_t kHeaderSize = kMagicSize + 4 * sizeof(uint64_t);

void AppendU64(uint64_t value, std::string* out) { out->append(reinterpret_cast<const char*>(&value), sizeof value); }

void AppendFloats(absl::Span<const float> values, std::string* out) {
  out->append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

uint64_t U64At(absl::string_view bytes, size_t offset) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Takes `count` floats off the front; the caller has checked that they are there.
std::vector<float> TakeFloats(uint64_t count, absl::string_view* bytes) {
  std::vector<float> values(count);
  if (count > 0) std::memcpy(values.data(), bytes->data(), count * sizeof(float));
  bytes->remove_prefix(count * sizeof(float));
  return values;
}

// The sizes must add up to the bytes that are there, so that no hostile size is ever allocated.
absl::Status CheckSizes(absl::string_view bytes, const uint64_t sizes[3]) {
  uint64_t left = (bytes.size() - kHeaderSize) / sizeof(float);  // floats that can be there at most
  uint64_t floats = 0;
  for (int i = 0; i < 3; ++i) {
    if (sizes[i] > left) {
      return absl::DataLossError(absl::StrFormat("state: size at offset %d is %u, expected at most %u",
                                                 kMagicSize + sizeof(uint64_t) * (i + 1), sizes[i], left));
    }
    left -= sizes[i];
    floats += sizes[i];
  }
  const uint64_t expected = kHeaderSize + floats * sizeof(float) + sizeof(Digest);
  if (bytes.size() == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrFormat("state: %u bytes, expected %u by its header", bytes.size(), expected));
}

}  // namespace

State InitialState(const v1::Strategy& strategy, std::vector<float> theta) {
  State state;
  state.theta = std::move(theta);
  state.first_moment.resize(state.theta.size());
  if (!strategy.has_sgd()) {
    state.second_moment.resize(state.theta.size(), static_cast<float>(strategy.rms_prop().initial_mean_square()));
  }
  return state;
}

Digest StateDigest(const State& state) {
  return Sha256()
      .Bytes("seedcast state 1")
      .U64(static_cast<uint64_t>(state.version))
      .U64(state.theta.size())
      .U64(state.first_moment.size())
      .U64(state.second_moment.size())
      .Floats(state.theta)
      .Floats(state.first_moment)
      .Floats(state.second_moment)
      .Finish();
}

// state   := "SEEDST01" version:u64 sizes:u64[3] theta:f32[sizes[0]] first_moment:f32[sizes[1]]
//            second_moment:f32[sizes[2]] digest:byte[32]
// digest  := StateDigest of what was written
// Numbers are little-endian.
std::string SerializeState(const State& state) {
  std::string bytes(kMagic, kMagicSize);
  bytes.reserve(kHeaderSize + sizeof(Digest) +
                sizeof(float) * (state.theta.size() + state.first_moment.size() + state.second_moment.size()));
  AppendU64(static_cast<uint64_t>(state.version), &bytes);
  for (const auto* values : {&state.theta, &state.first_moment, &state.second_moment})
    AppendU64(values->size(), &bytes);
  for (const auto* values : {&state.theta, &state.first_moment, &state.second_moment}) AppendFloats(*values, &bytes);
  return bytes + ToBytes(StateDigest(state));
}

absl::StatusOr<State> ParseState(absl::string_view bytes) {
  if (bytes.size() < kHeaderSize + sizeof(Digest)) {
    return absl::DataLossError(
        absl::StrFormat("state: %u bytes, expected at least %u", bytes.size(), kHeaderSize + sizeof(Digest)));
  }
  if (bytes.substr(0, kMagicSize) != absl::string_view(kMagic, kMagicSize)) {
    return absl::DataLossError(absl::StrCat("state: does not begin with ", kMagic));
  }
  uint64_t sizes[3];
  for (int i = 0; i < 3; ++i) sizes[i] = U64At(bytes, kMagicSize + sizeof(uint64_t) * (i + 1));
  RETURN_IF_ERROR(CheckSizes(bytes, sizes));

  State state;
  state.version = static_cast<int64_t>(U64At(bytes, kMagicSize));
  absl::string_view rest = bytes.substr(kHeaderSize);
  state.theta = TakeFloats(sizes[0], &rest);
  state.first_moment = TakeFloats(sizes[1], &rest);
  state.second_moment = TakeFloats(sizes[2], &rest);

  const Digest computed = StateDigest(state);
  if (Digest stored; !FromBytes(rest, &stored) || stored != computed) {
    return absl::DataLossError(absl::StrFormat("state: digest at offset %u does not match the content, expected %s",
                                               bytes.size() - sizeof(Digest), ToHex(computed)));
  }
  return state;
}

}  // namespace seedcast
