// Between certificate files, which anybody may overwrite at any moment and in any order, and gRPC, which presents
// whatever it reads: only what has been checked is passed on, and what is not right leaves what was.
//
// gRPC 1.51 has two providers of certificates, and the interface takes no third from outside: one with fixed contents,
// one that watches files. So it watches files of this process's own. They are in memory: no folder has to be writable,
// and no key is left behind by a process that is killed. Their paths go through /proc.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/tls/certificate.h"

namespace seedcast {

// Not thread-safe, but the files behind its paths may be read at any time.
class CertificateRelay {
 public:
  CertificateRelay(TlsFiles files, TlsSide side);
  ~CertificateRelay();
  CertificateRelay(const CertificateRelay&) = delete;

  // Takes up what the files hold if it can be used at `now`; logs each new reason why it cannot, once.
  void Refresh(absl::Time now);

  // Key and certificates in one file, so that nobody reads one with another's other. Its modification time is another
  // one for every content, in whole seconds: that is how gRPC finds out that a file changed between two reads.
  std::string pair_path() const { return PathOf(pair_); }
  std::string authority_path() const { return PathOf(authority_); }

 private:
  // A descriptor whose number stays and whose file is replaced, in one step, by another that is complete.
  static std::string PathOf(int slot);
  absl::Status Put(const std::string& text, int slot);
  absl::Status Take(const LoadedCertificate& loaded);

  const TlsFiles files_;
  const TlsSide side_;
  int pair_ = -1;
  int authority_ = -1;
  time_t version_ = 0;  // the modification time of the newest file; gRPC takes 0 for an error
  std::string pair_pem_;
  std::string authority_pem_;
  std::string reason_;  // that was logged last; empty while the files are right
};

}  // namespace seedcast
