#include "coordinator/rpc/status.h"

#include <string>

namespace seedcast {
namespace {

// gRPC refuses metadata of more than 8 KiB, and percent-encoding may triple a message.
constexpr size_t kMaxMessageBytes = 2048;

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message().substr(0, kMaxMessageBytes))};
}

}  // namespace seedcast
