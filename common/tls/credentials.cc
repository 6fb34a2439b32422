#include "common/tls/credentials.h"

#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/ssl.h>

#include "common/tls/checked_provider.h"

namespace seedcast {
namespace {

void LetIdleConnectionsBeSmall(void* context, void*, CRYPTO_EX_DATA*, int, long, void*) {
  SSL_CTX_set_mode(static_cast<SSL_CTX*>(context), SSL_MODE_RELEASE_BUFFERS);
}

// gRPC makes its contexts itself and shows them to nobody, but OpenSSL tells who wants to know of each new one.
void SetUpOpenSsl() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, LetIdleConnectionsBeSmall, nullptr, nullptr);
  static_cast<void>(index);
}

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const TlsFiles& files) {
  if (!files.configured()) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(CheckedProvider(files, TlsSide::kClient));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(std::make_shared<grpc::experimental::HostNameCertificateVerifier>());
  return grpc::experimental::TlsCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const TlsFiles& files, const std::shared_ptr<grpc::AuthMetadataProcessor>& gate) {
  if (!files.configured()) return grpc::InsecureServerCredentials();
  SetUpOpenSsl();
  grpc::experimental::TlsServerCredentialsOptions options(CheckedProvider(files, TlsSide::kServer));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(gate);
  return credentials;
}

}  // namespace seedcast
