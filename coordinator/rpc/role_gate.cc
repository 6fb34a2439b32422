#include "coordinator/rpc/role_gate.h"

#include <grpc/grpc_security_constants.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/log.h"
#include "coordinator/rpc/method_roles.h"
#include "coordinator/rpc/status.h"

namespace seedcast {
namespace {

std::vector<std::string> UriNames(const grpc::AuthContext& context) {
  std::vector<std::string> names;
  for (const grpc::string_ref& name : context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    names.emplace_back(name.data(), name.size());
  }
  return names;
}

}  // namespace

absl::Status RoleGate::CheckAndCount(const std::vector<std::string>& uri_names, absl::string_view method) {
  const absl::StatusOr<Identity> identity = IdentityOf(uri_names);
  if (!identity.ok()) {
    ++denied_.back();
    return absl::UnauthenticatedError(identity.status().message());
  }
  if (RolesFor(method).contains(identity->role)) return absl::OkStatus();
  ++denied_[static_cast<size_t>(identity->role)];
  return absl::PermissionDeniedError(
      absl::StrCat(RoleName(identity->role), " '", identity->name, "' may not call ", absl::CEscape(method)));
}

absl::Status RoleGate::MayCall(const std::vector<std::string>& uri_names, absl::string_view method) {
  absl::Status status = CheckAndCount(uri_names, method);
  if (!status.ok()) LogDenied(uri_names, method, status);
  return status;
}

std::map<absl::string_view, int64_t> RoleGate::denied() const {
  std::map<absl::string_view, int64_t> denied = {{"none", denied_.back()}};
  for (const Role role : kAllRoles) denied[RoleName(role)] = denied_[static_cast<size_t>(role)];
  return denied;
}

grpc::Status RoleGate::Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                               OutputMetadata*) {
  const auto path = metadata.find(":path");
  const absl::string_view method =
      path == metadata.end() ? absl::string_view() : absl::string_view(path->second.data(), path->second.size());
  return ToGrpc(MayCall(UriNames(*context), method));
}

void RoleGate::LogDenied(const std::vector<std::string>& uri_names, absl::string_view method,
                         const absl::Status& status) {
  const int64_t second = absl::ToUnixSeconds(absl::Now());
  if (last_logged_second_.exchange(second) == second) return;
  LogWarning("call denied", {{"certificate", absl::StrJoin(uri_names, " ")},
                             {"method", std::string(method)},
                             {"reason", std::string(status.message())}});
}

}  // namespace seedcast
