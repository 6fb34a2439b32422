// Who a peer is: a certificate's single URI name says its role and its name, as in
//
//   seedcast://role/worker/gpu-3
#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace seedcast {

// What each may do is coordinator/rpc/method_roles.h.
enum class Role {
  kCoordinator,  // serves; as a client it asks for its own health only
  kWorker,
  kSubmitter,
  kObserver,
  kAdmin,
};
inline constexpr std::array kAllRoles = {Role::kCoordinator, Role::kWorker, Role::kSubmitter, Role::kObserver,
                                         Role::kAdmin};

absl::string_view RoleName(Role role);  // "worker"
absl::StatusOr<Role> ParseRole(absl::string_view name);

struct Identity {
  Role role;
  std::string name;  // 1 .. 64 of letters, digits, '-', '_' and '.'
};

std::string UriOf(const Identity& identity);
absl::Status CheckIdentityName(absl::string_view name);

// From all URI names of a certificate. INVALID_ARGUMENT when there is none, more than one, or it is none of ours.
absl::StatusOr<Identity> IdentityOf(const std::vector<std::string>& uri_names);

}  // namespace seedcast
