#include "common/tls/certificate_expiry.h"

namespace seedcast {

double CertificateExpiry::UnixSeconds(absl::Time now) {
  if (!files_.configured()) return last_;
  const auto found = CheckTlsFiles(files_, side_, now);
  if (found.ok()) last_ = absl::ToDoubleSeconds(found->not_after - absl::UnixEpoch());
  return last_;
}

}  // namespace seedcast
