// Who may pause, resume and cancel jobs over HTTP.
//
// The port speaks plain text, so there are no certificates to tell a role from. What changes anything is therefore for
// people on this machine, of a coordinator that asks nobody for certificates either; all others use the command line.
#pragma once

#include "absl/status/status.h"
#include "common/http/http_server.h"

namespace seedcast {

// PERMISSION_DENIED, and why, unless `request` comes from this machine, to a name of this machine: a web site that lets
// its own name point here is not obeyed.
absl::Status CheckMayChange(const HttpRequest& request, bool tls);

// PERMISSION_DENIED when a page of some other site may have made the request: it must have the header X-Seedcast, which
// browsers send across sites only when asked first, and no Origin but our own.
absl::Status CheckSameOrigin(const HttpRequest& request);

}  // namespace seedcast
