// What a scrape measures itself: the store's disk and the certificate's end.
#pragma once

#include <atomic>
#include <limits>
#include <string>

#include "absl/time/time.h"
#include "common/tls/certificate.h"

namespace seedcast {

// NaN where it cannot be told.
struct StoreSpace {
  double bytes = std::numeric_limits<double>::quiet_NaN();       // of the files in the directory
  double free_bytes = std::numeric_limits<double>::quiet_NaN();  // that we may still write
};
StoreSpace MeasureStore(const std::string& directory);  // empty: a store in memory

// When the certificate in use ends. A file that is just being replaced, or has expired, leaves the last value. Any
// thread.
class CertificateExpiry {
 public:
  explicit CertificateExpiry(TlsFiles files) : files_(std::move(files)) {}
  double UnixSeconds(absl::Time now);  // NaN without TLS

 private:
  const TlsFiles files_;
  std::atomic<double> last_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace seedcast
