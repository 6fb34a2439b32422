#include "common/tls/role.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr absl::string_view kPrefix = "seedcast://role/";
constexpr size_t kMaxNameLength = 64;

std::string RoleNames() {
  return absl::StrJoin(kAllRoles, ", ", [](std::string* out, Role role) { absl::StrAppend(out, RoleName(role)); });
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kCoordinator:
      return "coordinator";
    case Role::kWorker:
      return "worker";
    case Role::kSubmitter:
      return "submitter";
    case Role::kObserver:
      return "observer";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

absl::StatusOr<Role> ParseRole(absl::string_view name) {
  for (const Role role : kAllRoles) {
    if (RoleName(role) == name) return role;
  }
  return absl::InvalidArgumentError(absl::StrCat("role: '", absl::CEscape(name), "', expected one of ", RoleNames()));
}

std::string UriOf(const Identity& identity) {
  return absl::StrCat(kPrefix, RoleName(identity.role), "/", identity.name);
}

absl::Status CheckIdentityName(absl::string_view name) {
  bool good = !name.empty() && name.size() <= kMaxNameLength && name[0] != '.';
  for (const char c : name) good &= absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("name: '", absl::CEscape(name), "', expected 1 .. ", kMaxNameLength,
                                                 " letters, digits, '-', '_' or '.', the first not '.'"));
}

absl::StatusOr<Identity> IdentityOf(const std::vector<std::string>& uri_names) {
  if (uri_names.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("certificate has ", uri_names.size(), " URI names, expected one, ", kPrefix, "ROLE/NAME"));
  }
  absl::string_view rest = uri_names.front();
  const size_t slash = absl::ConsumePrefix(&rest, kPrefix) ? rest.find('/') : absl::string_view::npos;
  if (slash == absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("certificate has the URI name '", absl::CEscape(uri_names.front()),
                                                   "', expected ", kPrefix, "ROLE/NAME"));
  }
  ASSIGN_OR_RETURN(const Role role, ParseRole(rest.substr(0, slash)));
  const absl::string_view name = rest.substr(slash + 1);
  RETURN_IF_ERROR(CheckIdentityName(name));
  return Identity{role, std::string(name)};
}

}  // namespace seedcast
