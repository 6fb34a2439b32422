// RUNNING <-> PAUSED;  RUNNING | PAUSED -> SUCCEEDED | FAILED | CANCELLED, and no way back.
#pragma once

#include "seedcast/v1/job.pb.h"

namespace seedcast {

inline bool HasEnded(v1::JobState state) {
  return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED;
}

}  // namespace seedcast
