#include "common/tls/certificate_gauges.h"

namespace seedcast {

CertificateFigures CertificateGauges::Look(absl::Time now) {
  if (!files_.configured()) return {};
  const auto found = CheckTlsFiles(files_, side_, now);
  if (found.ok()) expiry_ = absl::ToDoubleSeconds(found->not_after - absl::UnixEpoch());
  return {expiry_, found.ok() ? 1. : 0.};
}

}  // namespace seedcast
