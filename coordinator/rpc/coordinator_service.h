// CoordinatorService: answered at once, without the coordinator's thread, so that it works however busy that is.
#pragma once

#include "absl/time/clock.h"
#include "common/version.h"
#include "seedcast/v1/coordinator.grpc.pb.h"

namespace seedcast {

class CoordinatorServiceImpl final : public v1::CoordinatorService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* context, const v1::DescribeRequest*,
                                     v1::CoordinatorDescription* response) override {
    response->set_build(SEEDCAST_VERSION);
    response->set_protocol_version(kProtocolVersion);
    response->set_unix_seconds(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace seedcast
