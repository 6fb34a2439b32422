// The work behind action::BuildState: pure, long-running, done away from the thread that decides.
#pragma once

#include <atomic>

#include "worker/runtime/events.h"

namespace seedcast {

// Errors: DATA_LOSS the snapshot is damaged; INVALID_ARGUMENT a record does not fit the job; CANCELLED once
// `cancelled`, which is looked at before each generation, is true.
event::StateBuilt RunBuildState(action::BuildState build, const std::atomic<bool>* cancelled = nullptr);

}  // namespace seedcast
