// Asked by gRPC about every call over TLS, before any of our code sees it: may this certificate's role call this
// method?
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace seedcast {

class RoleGate final : public grpc::AuthMetadataProcessor {
 public:
  // The answer takes no time: it may be given on the thread that asks.
  bool IsBlocking() const override { return false; }

  // UNAUTHENTICATED: the certificate does not have one URI name that is ours; PERMISSION_DENIED: its role may not.
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata* consumed,
                       OutputMetadata* response) override;

 private:
  void LogDenied(const grpc::AuthContext& context, absl::string_view method, const absl::Status& status);

  std::atomic<int64_t> last_logged_second_ = 0;  // a line a second is enough of those who do not give up
};

}  // namespace seedcast
