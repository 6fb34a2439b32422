// Who may pause, resume and cancel jobs over HTTP.
//
// Over TLS, those whose certificate's role may do it over gRPC. In plain text there are no certificates to tell a role
// from: what changes anything is for people on this machine, of a coordinator that asks nobody for certificates either.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/http/http_routes.h"

namespace seedcast {

inline constexpr absl::string_view kPauseMethod = "/seedcast.v1.JobService/PauseJob";

// PERMISSION_DENIED, and why, of a request that changes something over plain text: it must come from this machine, to a
// name of this machine, for a web site that lets its own name point here is not obeyed. `tls`: gRPC has it.
absl::Status CheckMayChangeInPlainText(const HttpRequest& request, bool tls);

// Whether a request may pause jobs, which is as good as all else on the page.
bool MayChange(const HttpRequest& request, bool tls);

// PERMISSION_DENIED when a page of some other site may have made the request: it must have the header X-Seedcast, which
// browsers send across sites only when asked first, and no Origin but our own.
absl::Status CheckSameOrigin(const HttpRequest& request);

}  // namespace seedcast
