// What two processes must agree on before they talk (worker.proto, Hello).
#pragma once

namespace seedcast {

// Raised with every change of the protocol that an older peer would misunderstand.
inline constexpr int kProtocolVersion = 1;

}  // namespace seedcast
