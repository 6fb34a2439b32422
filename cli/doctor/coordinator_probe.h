// Looks at a coordinator from here, step by step, until one fails.
#pragma once

#include <string>

#include "cli/doctor/facts.h"

namespace seedcast {

// Each step waits for a few seconds at most; a name server that does not answer may take longer.
CoordinatorFacts LookAtCoordinator(const std::string& address, const TlsFiles& tls);

}  // namespace seedcast
