// SHA-256 digests: of states, log records, artifacts and known-answer tests.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace seedcast {

using Digest = std::array<uint8_t, 32>;

// Feeds bytes in order, then Finish() once. Multi-byte values are written little-endian.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& Bytes(absl::string_view bytes);
  Sha256& U64(uint64_t value);
  Sha256& Floats(absl::Span<const float> values);  // their IEEE-754 bits
  Digest Finish();

 private:
  void* context_;
};

Digest Sha256Of(absl::string_view bytes);
std::string ToHex(const Digest& digest);  // 64 lower-case digits
std::string ToBytes(const Digest& digest);
// False unless `hex` is exactly 64 hexadecimal digits.
bool FromHex(absl::string_view hex, Digest* digest);
// False unless `bytes` is exactly 32 bytes.
bool FromBytes(absl::string_view bytes, Digest* digest);

}  // namespace seedcast
