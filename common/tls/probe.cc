#include "common/tls/probe.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/tls/openssl.h"

namespace seedcast {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, OpenSslDeleter<SSL_CTX_free>>;
using ConnectionPtr = std::unique_ptr<SSL, OpenSslDeleter<SSL_free>>;

constexpr unsigned char kHttp2[] = {2, 'h', '2'};  // what a gRPC server expects to be asked for

bool IsAddress(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

absl::StatusOr<ContextPtr> MakeContext(const TlsFiles& files) {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // the result is looked at, and told
  if (!files.configured()) return context;
  if (SSL_CTX_load_verify_locations(context.get(), files.authority.c_str(), nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return absl::InvalidArgumentError(OpenSslError());
  }
  return context;
}

ConnectionPtr MakeConnection(SSL_CTX* context, int fd, const std::string& host) {
  ConnectionPtr connection(SSL_new(context));
  SSL_set_fd(connection.get(), fd);
  SSL_set_alpn_protos(connection.get(), kHttp2, sizeof kHttp2);
  if (IsAddress(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection.get()), host.c_str());
  } else {
    SSL_set1_host(connection.get(), host.c_str());
    SSL_set_tlsext_host_name(connection.get(), host.c_str());
  }
  return connection;
}

void SetPatience(int fd, absl::Duration patience) {
  const timeval limit = absl::ToTimeval(patience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

absl::Status VerifiedBy(SSL* connection) {
  const long result = SSL_get_verify_result(connection);
  if (result == X509_V_OK) return absl::OkStatus();
  return absl::InvalidArgumentError(X509_verify_cert_error_string(result));
}

}  // namespace

absl::StatusOr<TlsPeer> ProbeTls(int fd, const std::string& host, const TlsFiles& files, absl::Duration patience) {
  absl::StatusOr<ContextPtr> context = MakeContext(files);
  if (!context.ok()) return context.status();
  SetPatience(fd, patience);
  const ConnectionPtr connection = MakeConnection(context->get(), fd, host);
  errno = 0;
  const bool done = SSL_connect(connection.get()) == 1;
  const bool silent = errno == EAGAIN || errno == EWOULDBLOCK;
  OpenSslError();
  // A server that wants a certificate may refuse us only after it has shown its own.
  const CertificatePtr certificate(SSL_get1_peer_certificate(connection.get()));
  TlsPeer peer;
  if (certificate == nullptr) {
    if (!done && silent) return absl::DeadlineExceededError("no answer to a TLS handshake");
    return peer;
  }
  peer.speaks_tls = true;
  peer.version = SSL_get_version(connection.get());
  if (files.configured()) peer.verified = VerifiedBy(connection.get());
  peer.identity = IdentityOf(UriNames(certificate.get()));
  peer.not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  return peer;
}

}  // namespace seedcast
