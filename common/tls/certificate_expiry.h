#pragma once

#include <atomic>
#include <limits>

#include "absl/time/time.h"
#include "common/tls/certificate.h"

namespace seedcast {

// When the certificate in use ends. A file that is just being replaced, or has expired, leaves the last value. Any
// thread.
class CertificateExpiry {
 public:
  CertificateExpiry(TlsFiles files, TlsSide side) : files_(std::move(files)), side_(side) {}
  double UnixSeconds(absl::Time now);  // NaN without TLS

 private:
  const TlsFiles files_;
  const TlsSide side_;
  std::atomic<double> last_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace seedcast
