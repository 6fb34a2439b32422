// What OpenSSL hands out, owned; and its errors as text. Inside common/tls only.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace seedcast {

template <auto Free>
struct OpenSslDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, OpenSslDeleter<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpenSslDeleter<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpenSslDeleter<X509_STORE_CTX_free>>;

// The oldest error of this thread, whose errors are then cleared: "no start line", say.
std::string OpenSslError();

// Errors say what is wrong but not where.
absl::StatusOr<std::vector<CertificatePtr>> ParseCertificates(const std::string& pem);  // at least one
absl::StatusOr<KeyPtr> ParseKey(const std::string& pem);  // one that is encrypted is refused, nobody can be asked

std::vector<std::string> UriNames(X509* certificate);
std::vector<std::string> HostNames(X509* certificate);  // DNS names and addresses

absl::Time TimeOf(const ASN1_TIME* time);

}  // namespace seedcast
