#include "common/spec/resolve.h"
#include "common/strategy/update.h"

namespace seedcast {

Digest ChainStart(const v1::JobSpec& spec, const Digest& initial_state) {
  const std::string canonical = CanonicalBytes(spec);
  return Sha256()
      .Bytes("seedcast chain 1")
      .U64(canonical.size())
      .Bytes(canonical)
      .Bytes(ToBytes(initial_state))
      .Finish();
}

Digest ChainNext(const Digest& previous, int64_t generation, const Digest& state, absl::Span<const float> fitness) {
  return Sha256()
      .Bytes(ToBytes(previous))
      .U64(static_cast<uint64_t>(generation))
      .Bytes(ToBytes(state))
      .U64(fitness.size())
      .Floats(fitness)
      .Finish();
}

}  // namespace seedcast
