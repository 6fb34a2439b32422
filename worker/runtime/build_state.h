// The work behind action::BuildState: pure, long-running, done away from the thread that decides.
#pragma once

#include "worker/runtime/events.h"

namespace seedcast {

// Errors: DATA_LOSS the snapshot is damaged; INVALID_ARGUMENT a record does not fit the job.
event::StateBuilt RunBuildState(action::BuildState build);

}  // namespace seedcast
