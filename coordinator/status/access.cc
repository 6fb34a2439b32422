#include "coordinator/status/access.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "coordinator/rpc/method_roles.h"

namespace seedcast {
namespace {

bool IsThisMachine(const std::string& peer) {
  return peer == "::1" || absl::StartsWith(peer, "127.") || absl::StartsWith(peer, "::ffff:127.");
}

// Of a Host header, with or without a port; "localhost.example" is none.
bool IsNameOfThisMachine(const std::string& host) {
  for (const absl::string_view name : {"localhost", "127.0.0.1", "[::1]"}) {
    absl::string_view rest = host;
    if (absl::ConsumePrefix(&rest, name) && (rest.empty() || rest.front() == ':')) return true;
  }
  return false;
}

}  // namespace

absl::Status CheckMayChangeInPlainText(const HttpRequest& request, bool tls) {
  if (tls) {
    return absl::PermissionDeniedError(
        "this port asks for no certificate, and the coordinator knows people by theirs: use --https or the command "
        "line");
  }
  if (!IsThisMachine(request.peer)) {
    return absl::PermissionDeniedError("only from the coordinator's own machine: use the command line");
  }
  if (!IsNameOfThisMachine(request.Header("host"))) {
    return absl::PermissionDeniedError("the page was not opened as localhost, 127.0.0.1 or [::1]");
  }
  return absl::OkStatus();
}

bool MayChange(const HttpRequest& request, bool tls) {
  if (request.identity) return RolesFor(kPauseMethod).contains(request.identity->role);
  return CheckMayChangeInPlainText(request, tls).ok();
}

absl::Status CheckSameOrigin(const HttpRequest& request) {
  if (request.Header("x-seedcast").empty()) return absl::PermissionDeniedError("the header X-Seedcast is missing");
  const std::string origin = request.Header("origin");
  const absl::string_view scheme = request.identity ? "https://" : "http://";
  if (origin.empty() || origin == absl::StrCat(scheme, request.Header("host"))) return absl::OkStatus();
  return absl::PermissionDeniedError("the request comes from another site");
}

}  // namespace seedcast
