#include "common/tls/openssl.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

namespace seedcast {
namespace {

BioPtr Reader(const std::string& pem) { return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

int RefusePassword(char*, int, int, void*) { return -1; }

struct AlternativeName {
  int type;           // GEN_DNS, ...
  std::string bytes;  // as in the certificate
};

std::vector<AlternativeName> AlternativeNamesOf(X509* certificate) {
  std::vector<AlternativeName> found;
  const std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != GEN_DNS && type != GEN_URI && type != GEN_IPADD) continue;  // those that are strings
    const auto* string = static_cast<const ASN1_STRING*>(value);
    found.push_back({type,
                     {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                      static_cast<size_t>(ASN1_STRING_length(string))}});
  }
  return found;
}

}  // namespace

std::string OpenSslError() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

absl::StatusOr<std::vector<CertificatePtr>> ParseCertificates(const std::string& pem) {
  const BioPtr reader = Reader(pem);
  std::vector<CertificatePtr> certificates;
  while (CertificatePtr next{PEM_read_bio_X509(reader.get(), nullptr, RefusePassword, nullptr)}) {
    certificates.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = OpenSslError();
  if (certificates.empty() && at_end) return absl::InvalidArgumentError("holds no certificate in PEM");
  if (!at_end) return absl::InvalidArgumentError("holds a certificate that is damaged: " + error);
  return certificates;
}

absl::StatusOr<KeyPtr> ParseKey(const std::string& pem) {
  const BioPtr reader = Reader(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(reader.get(), nullptr, RefusePassword, nullptr));
  if (key != nullptr) return key;
  const std::string error = OpenSslError();
  if (pem.find("ENCRYPTED") != std::string::npos) {
    return absl::InvalidArgumentError("holds an encrypted key, expected one without a password");
  }
  return absl::InvalidArgumentError("holds no private key in PEM: " + error);
}

std::vector<std::string> UriNames(X509* certificate) {
  std::vector<std::string> uris;
  for (AlternativeName& name : AlternativeNamesOf(certificate)) {
    if (name.type == GEN_URI) uris.push_back(std::move(name.bytes));
  }
  return uris;
}

std::vector<std::string> HostNames(X509* certificate) {
  std::vector<std::string> hosts;
  for (AlternativeName& name : AlternativeNamesOf(certificate)) {
    char text[INET6_ADDRSTRLEN];
    if (name.type == GEN_DNS) {
      hosts.push_back(std::move(name.bytes));
    } else if (name.type == GEN_IPADD && (name.bytes.size() == 4 || name.bytes.size() == 16)) {
      hosts.emplace_back(inet_ntop(name.bytes.size() == 4 ? AF_INET : AF_INET6, name.bytes.data(), text, sizeof text));
    }
  }
  return hosts;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  tm parts = {};
  ASN1_TIME_to_tm(time, &parts);
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace seedcast
