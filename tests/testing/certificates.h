// Certificates as deployments have them: one authority in a directory, one leaf for each role, named after it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/tls/certificate.h"
#include "common/tls/certificate_authority.h"

namespace seedcast {

// The files of the leaf in DIR/NAME.
inline TlsFiles LeafFiles(const std::string& directory) {
  return {directory + "/tls.crt", directory + "/tls.key", directory + "/ca.crt"};
}

// Of the authority in `directory`, made where there is none, for 127.0.0.1; in the place of the role's leaf before.
inline TlsFiles IssueLeaf(const std::string& directory, Role role, absl::Time now = absl::Now(),
                          absl::Duration lifetime = absl::Hours(24)) {
  // A leaf may be older than the authority that is there.
  const bool there = std::filesystem::exists(directory + "/ca.crt");
  const auto authority = CertificateAuthority::OpenOrCreate(directory, there ? std::max(now, absl::Now()) : now);
  EXPECT_TRUE(authority.ok()) << authority.status();
  const auto leaf = authority->Issue({{role, std::string(RoleName(role))}, {"127.0.0.1"}, lifetime}, now);
  EXPECT_TRUE(leaf.ok()) << leaf.status();
  return LeafFiles(leaf->directory);
}

// As every program takes them.
inline std::string TlsOptions(const TlsFiles& files) {
  return absl::StrCat("--tls-cert ", files.certificate, " --tls-key ", files.key, " --tls-ca ", files.authority);
}

}  // namespace seedcast
