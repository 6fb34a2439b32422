// gRPC credentials from certificate files: mutual TLS, both ends verified. The files are read again every few seconds:
// what is new, and right, holds for connections made from then on; those that stand are left alone.
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/time/time.h"
#include "common/tls/certificate.h"

namespace seedcast {

inline constexpr absl::Duration kCertificateRefresh = absl::Seconds(2);

// Plain text where no files are set. Check the files before (CheckTlsFiles): as long as they have never been right, a
// wrong one is a handshake that fails.
std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const TlsFiles& files);

// `gate` is asked about every call; in plain text there is nobody to ask about, and all calls pass.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const TlsFiles& files, const std::shared_ptr<grpc::AuthMetadataProcessor>& gate);

}  // namespace seedcast
