// A certificate authority in a directory, for development and small clusters:
//
//   DIR/ca.crt, DIR/ca.key                      the authority, made once
//   DIR/NAME/tls.crt, tls.key, ca.crt           a leaf, laid out as a Kubernetes TLS secret is
//
// These three are symbolic links through DIR/NAME/current to a directory of one version: a new leaf takes the old one's
// place in one rename, so that nobody ever reads a certificate with another's key, also not where DIR/NAME is mounted
// into a container. The version before stays until the next one comes, for those who are just reading it. A leaf's
// owner stays its owner when root renews it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/tls/openssl.h"
#include "common/tls/role.h"

namespace seedcast {

inline constexpr absl::Duration kMaxLeafLifetime = absl::Hours(24 * 825);

struct LeafRequest {
  Identity identity;
  std::vector<std::string> hosts;  // DNS names and addresses under which it serves; for a coordinator only
  absl::Duration lifetime = absl::Hours(24 * 90);

  absl::Status Validate() const;  // INVALID_ARGUMENT names what is wrong
};

struct IssuedLeaf {
  std::string directory;  // DIR/NAME
  absl::Time not_after;
};

// What the leaf in DIR/NAME was issued for, but for its lifetime. NOT_FOUND where there is none, INVALID_ARGUMENT for
// one that cannot be read or is not ours.
absl::StatusOr<LeafRequest> FindLeaf(const std::string& directory, const std::string& name);
// Of every leaf in DIR, by name. A copy under another name than its own is none.
absl::StatusOr<std::vector<LeafRequest>> FindLeaves(const std::string& directory);

class CertificateAuthority {
 public:
  // INVALID_ARGUMENT where `directory` holds something else by these names, or one that is not valid `now`;
  // PERMISSION_DENIED and the like where it cannot be read or written.
  static absl::StatusOr<CertificateAuthority> OpenOrCreate(const std::string& directory, absl::Time now);

  // A leaf with a key of its own, in the place of the one of that name. It ends no later than its authority.
  absl::StatusOr<IssuedLeaf> Issue(const LeafRequest& request, absl::Time now) const;

  bool created() const { return created_; }

 private:
  CertificateAuthority(std::string directory, CertificatePtr certificate, KeyPtr key, bool created)
      : directory_(std::move(directory)),
        certificate_(std::move(certificate)),
        key_(std::move(key)),
        created_(created) {}

  std::string directory_;
  CertificatePtr certificate_;
  KeyPtr key_;
  bool created_;
};

}  // namespace seedcast
