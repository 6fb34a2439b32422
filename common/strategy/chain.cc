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

Digest ChainNext(const Digest& previous, int64_t generation, const Digest& state, const Outcome& outcome) {
  Sha256 link;
  link.Bytes(ToBytes(previous))
      .U64(static_cast<uint64_t>(generation))
      .Bytes(ToBytes(state))
      .U64(outcome.fitness.size())
      .Floats(outcome.fitness);
  if (!outcome.gradient.empty()) link.U64(outcome.gradient.size()).Floats(outcome.gradient);
  return link.Finish();
}

}  // namespace seedcast
