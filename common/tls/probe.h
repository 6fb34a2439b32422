// A TLS handshake with a server that says what is wrong with it, where gRPC's error says little: does it speak TLS at
// all, and what of its certificate does not hold?
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/tls/certificate.h"

namespace seedcast {

struct TlsPeer {
  bool speaks_tls = false;  // else the rest is as here
  std::string version;      // "TLSv1.3"
  // Of its certificate against `files`: of this authority, valid now, and for this host. Without files nothing is
  // verified.
  absl::Status verified;
  absl::StatusOr<Identity> identity = absl::UnknownError("");
  absl::Time not_after;
};

// On a connected socket, which stays the caller's; waits no longer than `patience` for each of the server's messages.
// DEADLINE_EXCEEDED when it says nothing, INVALID_ARGUMENT for `files` that cannot be used.
absl::StatusOr<TlsPeer> ProbeTls(int fd, const std::string& host, const TlsFiles& files, absl::Duration patience);

}  // namespace seedcast
