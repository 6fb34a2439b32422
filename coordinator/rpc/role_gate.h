// Asked by gRPC about every call over TLS, before any of our code sees it, and by the status page over TLS: may this
// certificate's role call this method?
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/tls/role.h"

namespace seedcast {

class RoleGate final : public grpc::AuthMetadataProcessor {
 public:
  // The answer takes no time: it may be given on the thread that asks.
  bool IsBlocking() const override { return false; }

  // UNAUTHENTICATED: the certificate does not have one URI name that is ours; PERMISSION_DENIED: its role may not.
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata* consumed,
                       OutputMetadata* response) override;

  // The same for a certificate with these URI names. A refusal is counted, and logged. Any thread.
  absl::Status MayCall(const std::vector<std::string>& uri_names, absl::string_view method);

  // Refusals by role; "none" are certificates without one. Any thread.
  std::map<absl::string_view, int64_t> denied() const;

 private:
  absl::Status CheckAndCount(const std::vector<std::string>& uri_names, absl::string_view method);
  void LogDenied(const std::vector<std::string>& uri_names, absl::string_view method, const absl::Status& status);

  std::array<std::atomic<int64_t>, kAllRoles.size() + 1> denied_ = {};  // by role, the last without one
  std::atomic<int64_t> last_logged_second_ = 0;  // a line a second is enough of those who do not give up
};

}  // namespace seedcast
