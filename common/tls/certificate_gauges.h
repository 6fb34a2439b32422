#pragma once

#include <atomic>
#include <limits>
#include <utility>

#include "absl/time/time.h"
#include "common/tls/certificate.h"

namespace seedcast {

// NaN without TLS.
struct CertificateFigures {
  double expiry_unix_seconds = std::numeric_limits<double>::quiet_NaN();  // of the certificate in use
  // 1 while the files could be used now; 0 when the next start would fail and what is in use may have come to its end.
  double usable = std::numeric_limits<double>::quiet_NaN();
};

// Looks at the files once a scrape, as those do who use them: what cannot be used is not in use, and leaves the last
// end. Any thread.
class CertificateGauges {
 public:
  CertificateGauges(TlsFiles files, TlsSide side, absl::Time now) : files_(std::move(files)), side_(side) { Look(now); }
  CertificateFigures Look(absl::Time now);

 private:
  const TlsFiles files_;
  const TlsSide side_;
  std::atomic<double> expiry_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace seedcast
