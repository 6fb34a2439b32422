// grpc.health.v1.Health/Check, asked from outside: what a container's health check runs.
#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace seedcast {

// OK when the server says SERVING; UNAVAILABLE when it says anything else or does not answer within `patience`.
absl::Status AskHealth(const std::shared_ptr<grpc::Channel>& channel, absl::Duration patience);

}  // namespace seedcast
