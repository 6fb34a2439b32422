// GET /healthz, asked from outside: what a container's health check runs.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace seedcast {

// OK when `address` ("host:port"; 0.0.0.0 stands for this machine) answers 200; UNAVAILABLE when it says something
// else, which the message repeats, or nothing within `patience`.
absl::Status CheckHealthAt(const std::string& address, absl::Duration patience);

}  // namespace seedcast
