#include "common/tls/certificate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/status_macros.h"
#include "common/tls/openssl.h"

namespace seedcast {
namespace {

constexpr off_t kMaxFileBytes = 1 << 20;

// "tls-key /etc/x.key" in front of what is wrong.
struct NamedFile {
  const char* option;
  const std::string& path;

  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(option, ": ", path, ": ", what));
  }
  absl::Status Error(const absl::Status& status) const { return Error(status.message()); }
};

absl::StatusOr<std::string> Read(const NamedFile& file) {
  if (file.path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.option, ": not given, expected all of tls-cert, tls-key and tls-ca, or none"));
  }
  const int fd = open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return file.Error(std::strerror(errno));
  struct stat status = {};
  std::string text;
  absl::Status result;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > kMaxFileBytes) {
    result = file.Error("expected a regular file of at most 1 MiB");
  } else {
    text.resize(status.st_size);
    const ssize_t count = read(fd, text.data(), text.size());
    if (count < 0) result = file.Error(std::strerror(errno));
    text.resize(std::max<ssize_t>(count, 0));
  }
  close(fd);
  if (!result.ok()) return result;
  return text;
}

std::string Day(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M UTC", time, absl::UTCTimeZone()); }

absl::Status CheckValidity(const NamedFile& file, const CheckedCertificate& found, absl::Time now) {
  if (now < found.not_before) {
    return file.Error(absl::StrCat("is not valid before ", Day(found.not_before), ", and it is ", Day(now)));
  }
  if (now >= found.not_after) return file.Error(absl::StrCat("has expired at ", Day(found.not_after)));
  return absl::OkStatus();
}

// Whether `chain` leads from its first certificate to one of `authorities`, for a peer of this side: X509_V_OK or what
// is wrong.
int VerifyChain(const std::vector<CertificatePtr>& chain, const std::vector<CertificatePtr>& authorities, TlsSide side,
                absl::Time now) {
  const StorePtr store(X509_STORE_new());
  for (const CertificatePtr& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  const std::unique_ptr<STACK_OF(X509), OpenSslDeleter<[](STACK_OF(X509) * stack) { sk_X509_free(stack); }>> between(
      sk_X509_new_null());
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(between.get(), chain[i].get());
  const StoreContextPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), between.get());
  X509_STORE_CTX_set_purpose(context.get(),
                             side == TlsSide::kServer ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
  return X509_verify_cert(context.get()) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

std::string DescribeChainError(int error, TlsSide side, const std::string& authority) {
  switch (error) {
    case X509_V_ERR_INVALID_PURPOSE:
      return side == TlsSide::kServer ? "is not for a server" : "is not for a client";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:  // "unable to get local issuer certificate" and the like
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return absl::StrCat("is not signed by the authority in tls-ca ", authority);
    default:
      return absl::StrCat(X509_verify_cert_error_string(error), " (tls-ca: ", authority, ")");
  }
}

}  // namespace

absl::StatusOr<LoadedCertificate> LoadTlsFiles(const TlsFiles& files, TlsSide side, absl::Time now) {
  const NamedFile certificate{"tls-cert", files.certificate};
  const NamedFile key{"tls-key", files.key};
  const NamedFile authority{"tls-ca", files.authority};
  LoadedCertificate loaded;
  ASSIGN_OR_RETURN(loaded.certificate_pem, Read(certificate));
  ASSIGN_OR_RETURN(loaded.key_pem, Read(key));
  ASSIGN_OR_RETURN(loaded.authority_pem, Read(authority));
  const auto chain = ParseCertificates(loaded.certificate_pem);
  if (!chain.ok()) return certificate.Error(chain.status());
  const auto private_key = ParseKey(loaded.key_pem);
  if (!private_key.ok()) return key.Error(private_key.status());
  const auto authorities = ParseCertificates(loaded.authority_pem);
  if (!authorities.ok()) return authority.Error(authorities.status());

  X509* const leaf = chain->front().get();
  if (X509_check_private_key(leaf, private_key->get()) != 1) {
    OpenSslError();
    return key.Error(absl::StrCat("is not the key of the certificate ", files.certificate));
  }
  CheckedCertificate& found = loaded.checked;
  found = {{}, TimeOf(X509_get0_notBefore(leaf)), TimeOf(X509_get0_notAfter(leaf))};
  RETURN_IF_ERROR(CheckValidity(certificate, found, now));
  if (const int error = VerifyChain(*chain, *authorities, side, now); error != X509_V_OK) {
    return certificate.Error(DescribeChainError(error, side, files.authority));
  }
  const absl::StatusOr<Identity> identity = IdentityOf(UriNames(leaf));
  if (!identity.ok()) return certificate.Error(identity.status());
  found.identity = *identity;
  return loaded;
}

absl::StatusOr<CheckedCertificate> CheckTlsFiles(const TlsFiles& files, TlsSide side, absl::Time now) {
  ASSIGN_OR_RETURN(const LoadedCertificate loaded, LoadTlsFiles(files, side, now));
  return loaded.checked;
}

absl::Status CheckTlsFilesOf(Role role, const TlsFiles& files, TlsSide side, absl::Time now) {
  ASSIGN_OR_RETURN(const CheckedCertificate found, CheckTlsFiles(files, side, now));
  if (found.identity.role == role) return absl::OkStatus();
  return NamedFile{"tls-cert", files.certificate}.Error(
      absl::StrCat("is of the role ", RoleName(found.identity.role), ", expected ", RoleName(role)));
}

}  // namespace seedcast
