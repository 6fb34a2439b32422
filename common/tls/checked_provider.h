// What gRPC asks for certificates: the files' contents, while and as long as they have been right.
#pragma once

#include <grpcpp/security/tls_certificate_provider.h>

#include <memory>

#include "common/tls/certificate.h"

namespace seedcast {

// The files are looked at every kCertificateRefresh, for the rest of the process's life: gRPC does not tell when the
// last connection has let go of a provider. Whoever asks for the same files gets the same provider. Thread-safe.
std::shared_ptr<grpc::experimental::CertificateProviderInterface> CheckedProvider(const TlsFiles& files, TlsSide side);

}  // namespace seedcast
