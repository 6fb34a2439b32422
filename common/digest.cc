#include "common/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace seedcast {

static_assert(std::endian::native == std::endian::little, "digests hash little-endian memory directly");

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr);
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

Sha256& Sha256::Bytes(absl::string_view bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::U64(uint64_t value) { return Bytes({reinterpret_cast<const char*>(&value), sizeof value}); }

Sha256& Sha256::Floats(absl::Span<const float> values) {
  return Bytes({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

Digest Sha256::Finish() {
  Digest digest;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), nullptr);
  return digest;
}

Digest Sha256Of(absl::string_view bytes) { return Sha256().Bytes(bytes).Finish(); }

std::string ToBytes(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

std::string ToHex(const Digest& digest) { return absl::BytesToHexString(ToBytes(digest)); }

bool FromHex(absl::string_view hex, Digest* digest) {
  if (hex.size() != 2 * digest->size()) return false;
  if (!std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) return false;
  return FromBytes(absl::HexStringToBytes(hex), digest);
}

bool FromBytes(absl::string_view bytes, Digest* digest) {
  if (bytes.size() != digest->size()) return false;
  std::copy(bytes.begin(), bytes.end(), digest->begin());
  return true;
}

}  // namespace seedcast
