// absl::Status as it goes over the wire: the one place where a grpc::Status is made from one of ours.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace seedcast {

// The same code; the message cut to what fits into a trailer (a longer one would break the call).
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace seedcast
