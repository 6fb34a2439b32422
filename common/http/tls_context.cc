#include "common/http/tls_context.h"

#include <openssl/ssl.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/tls/openssl.h"

namespace seedcast {
namespace {

constexpr absl::Duration kRefresh = absl::Seconds(2);  // as gRPC's

void Configure(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A session that is taken up again would keep a certificate past its end.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
}

}  // namespace

absl::Status TlsContext::SetUp(ssl_ctx_st* context) {
  auto loaded = Load();
  if (!loaded.ok()) return loaded.status();
  Configure(context);
  SSL_CTX_set_client_hello_cb(context, OnClientHello, this);
  absl::MutexLock lock(&mutex_);
  loaded_ = *std::move(loaded);
  loaded_at_ = absl::Now();
  return absl::OkStatus();
}

std::vector<std::string> TlsContext::PeerNames(const ssl_st* connection) {
  X509* const certificate = SSL_get0_peer_certificate(connection);
  return certificate == nullptr ? std::vector<std::string>() : UriNames(certificate);
}

int TlsContext::OnClientHello(ssl_st* connection, int*, void* self) {
  const Loaded newest = static_cast<TlsContext*>(self)->Newest();
  return SSL_set_SSL_CTX(connection, newest.get()) == nullptr ? SSL_CLIENT_HELLO_ERROR : SSL_CLIENT_HELLO_SUCCESS;
}

absl::StatusOr<TlsContext::Loaded> TlsContext::Load() const {
  const auto checked = CheckTlsFiles(files_, TlsSide::kServer, absl::Now());
  if (!checked.ok()) return checked.status();
  const Loaded context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  Configure(context.get());
  const char* const authority = files_.authority.c_str();
  SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(authority));  // so that browsers know which to show
  if (SSL_CTX_use_certificate_chain_file(context.get(), files_.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), files_.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1 || SSL_CTX_load_verify_file(context.get(), authority) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("tls-cert: ", files_.certificate, ": ", OpenSslError()));
  }
  return context;
}

TlsContext::Loaded TlsContext::Newest() {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = absl::Now();
  if (now - loaded_at_ < kRefresh) return loaded_;
  loaded_at_ = now;
  auto loaded = Load();
  if (loaded.ok()) loaded_ = *std::move(loaded);  // if not, CertificateRelay has said why, of the same files
  return loaded_;
}

}  // namespace seedcast
