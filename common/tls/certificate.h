// The three files with which a process takes part in mutual TLS, looked at before they are used: whatever is wrong with
// them is one line at start, not a handshake that fails later for a reason that nobody sees.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/tls/role.h"

namespace seedcast {

// PEM. All or none are set; none means plain text.
struct TlsFiles {
  std::string certificate;  // the process's own, then those between it and the authority, if any
  std::string key;          // without a password
  std::string authority;    // whose certificates are believed

  bool operator==(const TlsFiles&) const = default;
  bool configured() const { return !certificate.empty() || !key.empty() || !authority.empty(); }
};

enum class TlsSide { kServer, kClient };

struct CheckedCertificate {
  Identity identity;
  absl::Time not_before, not_after;
};

// What the files held when they were checked, together: read again they might hold something else.
struct LoadedCertificate {
  CheckedCertificate checked;
  std::string certificate_pem, key_pem, authority_pem;
};

// INVALID_ARGUMENT names the option, the file and what is wrong with it: not given, unreadable, not PEM, key and
// certificate that do not belong together, not valid at `now`, not of this authority, not for this side, not one URI
// name of ours.
absl::StatusOr<LoadedCertificate> LoadTlsFiles(const TlsFiles& files, TlsSide side, absl::Time now);
absl::StatusOr<CheckedCertificate> CheckTlsFiles(const TlsFiles& files, TlsSide side, absl::Time now);
// The same where the certificate must be of `role`, too.
absl::Status CheckTlsFilesOf(Role role, const TlsFiles& files, TlsSide side, absl::Time now);

}  // namespace seedcast
