#include "coordinator/rpc/health_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace seedcast {
namespace {

// HealthCheckResponse with its one field, status, SERVING.
constexpr absl::string_view kServing("\x08\x01", 2);

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  return buffer.DumpToSingleSlice(&slice).ok() ? std::string(slice.begin(), slice.end()) : "";
}

}  // namespace

absl::Status AskHealth(const std::shared_ptr<grpc::Channel>& channel, absl::Duration patience) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
  const grpc::Slice no_service;  // an empty HealthCheckRequest asks about the server as a whole
  const grpc::ByteBuffer request(&no_service, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  absl::Notification answered;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status result) {
                   status = std::move(result);
                   answered.Notify();
                 });
  answered.WaitForNotification();
  if (!status.ok()) return absl::UnavailableError(absl::StrCat("no answer: ", status.error_message()));
  if (BytesOf(response) != kServing) return absl::UnavailableError("not serving");
  return absl::OkStatus();
}

}  // namespace seedcast
