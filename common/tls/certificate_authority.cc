#include "common/tls/certificate_authority.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kAuthorityLifetime = absl::Hours(24 * 3650);
constexpr absl::Duration kClockSkew = absl::Minutes(5);  // a peer whose clock is behind must not wait
constexpr mode_t kPublic = 0644;
constexpr mode_t kSecret = 0600;
constexpr char kCertificateFile[] = "tls.crt";
constexpr char kKeyFile[] = "tls.key";
constexpr char kAuthorityFile[] = "ca.crt";
constexpr const char* kLeafFiles[] = {kCertificateFile, kKeyFile, kAuthorityFile};

absl::Status SystemError(const std::string& path) { return absl::ErrnoToStatus(errno, path); }

// Whole and with the mode from its first byte on, or not at all.
absl::Status WriteFile(const std::string& path, const std::string& text, mode_t mode, uid_t owner = geteuid()) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return SystemError(path);
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       (owner == geteuid() || fchown(fd, owner, -1) == 0) && fsync(fd) == 0;
  absl::Status status = written ? absl::OkStatus() : SystemError(path);
  close(fd);
  return status;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(path);
  std::string text;
  char bytes[4096];
  ssize_t count;
  while ((count = read(fd, bytes, sizeof bytes)) > 0) text.append(bytes, count);
  const absl::Status status = count < 0 ? SystemError(path) : absl::OkStatus();
  close(fd);
  if (!status.ok()) return status;
  return text;
}

std::string TakeText(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

std::string PemOf(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return TakeText(bio);
}

std::string PemOf(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return TakeText(bio);
}

// 127 random bits; also what tells the versions of a leaf apart.
std::string RandomSerial() {
  unsigned char bytes[16];
  RAND_bytes(bytes, sizeof bytes);
  bytes[0] &= 0x7f;
  bytes[0] |= 0x40;  // never shorter
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(bytes), sizeof bytes));
}

// An unsigned certificate for `key`.
CertificatePtr Blank(const std::string& serial, const std::string& common_name, EVP_PKEY* key, absl::Time not_before,
                     absl::Time not_after) {
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, serial.c_str());
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(not_after));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

struct Extension {
  int nid;
  std::string value;
};

absl::Status Sign(X509* certificate, const std::vector<Extension>& extensions, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const auto& [nid, value] : extensions) {
    const std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
      return absl::InternalError(absl::StrCat("cannot make the extension ", OBJ_nid2sn(nid), ": ", OpenSslError()));
    }
  }
  if (X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
    return absl::InternalError(absl::StrCat("cannot sign: ", OpenSslError()));
  }
  return absl::OkStatus();
}

bool IsAddress(const std::string& host) {
  unsigned char address[16];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
}

bool IsDnsName(absl::string_view host) {
  absl::ConsumePrefix(&host, "*.");
  bool good = !host.empty() && host.size() <= 253 && absl::ascii_isalnum(host.front());
  for (const char c : host) good &= absl::ascii_isalnum(c) || c == '-' || c == '.';
  return good;
}

std::string AlternativeNames(const LeafRequest& request) {
  std::string names = absl::StrCat("URI:", UriOf(request.identity));
  for (const std::string& host : request.hosts) absl::StrAppend(&names, IsAddress(host) ? ",IP:" : ",DNS:", host);
  return names;
}

std::string Day(absl::Time time) { return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone()); }

// Leaves of one that is none, or has ended, are made without a word and believed by nobody.
absl::Status CheckAuthority(const std::string& path, X509* certificate, absl::Time now) {
  const auto error = [&](absl::string_view what) { return absl::InvalidArgumentError(absl::StrCat(path, ": ", what)); };
  constexpr int kMayIssue = 1;  // of version 3, by its basic constraints and its key usage
  if (X509_check_ca(certificate) != kMayIssue) return error("is not the certificate of an authority (CA:TRUE)");
  const absl::Time begin = TimeOf(X509_get0_notBefore(certificate));
  const absl::Time end = TimeOf(X509_get0_notAfter(certificate));
  if (now < begin) return error(absl::StrCat("is not valid before ", Day(begin)));
  if (now < end) return absl::OkStatus();
  return error(
      absl::StrCat("has ended at ", Day(end), ", expected one that is valid: another directory gets a new one"));
}

// What `link` was is replaced in one rename.
absl::Status PointTo(const std::string& target, const fs::path& link) {
  const fs::path temporary = absl::StrCat(link.string(), ".new");
  std::error_code error;
  fs::remove(temporary, error);
  fs::create_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, link, error);
  return error ? absl::ErrnoToStatus(error.value(), link.string()) : absl::OkStatus();
}

// Makes `version` the current one of `leaf`; the one before stays, its own predecessors go.
absl::Status SwapIn(const fs::path& leaf, const std::string& version) {
  const fs::path current = leaf / "current";
  const std::string previous = fs::is_symlink(current) ? fs::read_symlink(current).string() : "";
  RETURN_IF_ERROR(PointTo(version, current));
  for (const char* name : kLeafFiles) RETURN_IF_ERROR(PointTo(absl::StrCat("current/", name), leaf / name));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(leaf, error)) {
    const std::string name = entry.path().filename();
    const bool is_version = absl::StartsWith(name, ".") && entry.is_directory(error);
    if (is_version && name != version && name != previous) fs::remove_all(entry, error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LeafRequest::Validate() const {
  RETURN_IF_ERROR(CheckIdentityName(identity.name));
  if (identity.role == Role::kCoordinator && hosts.empty()) {
    return absl::InvalidArgumentError("host: none, a coordinator needs those under which it is reached");
  }
  for (const std::string& host : hosts) {
    if (!IsAddress(host) && !IsDnsName(host)) {
      return absl::InvalidArgumentError(
          absl::StrCat("host: '", absl::CEscape(host), "', expected a DNS name or an address"));
    }
  }
  if (lifetime < absl::Minutes(1) || lifetime > kMaxLeafLifetime) {
    return absl::InvalidArgumentError(absl::StrCat("lifetime: ", absl::FormatDuration(lifetime), ", expected 1m .. ",
                                                   absl::FormatDuration(kMaxLeafLifetime)));
  }
  return absl::OkStatus();
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::OpenOrCreate(const std::string& directory, absl::Time now) {
  const std::string certificate_path = directory + "/ca.crt";
  const std::string key_path = directory + "/ca.key";
  std::error_code error;
  if (fs::exists(certificate_path, error) || fs::exists(key_path, error)) {
    ASSIGN_OR_RETURN(const std::string certificate_pem, ReadFile(certificate_path));
    ASSIGN_OR_RETURN(const std::string key_pem, ReadFile(key_path));
    auto certificates = ParseCertificates(certificate_pem);
    auto key = ParseKey(key_pem);
    if (!certificates.ok())
      return absl::InvalidArgumentError(certificate_path + ": " + std::string(certificates.status().message()));
    if (!key.ok()) return absl::InvalidArgumentError(key_path + ": " + std::string(key.status().message()));
    if (X509_check_private_key(certificates->front().get(), key->get()) != 1) {
      return absl::InvalidArgumentError(absl::StrCat(key_path, ": is not the key of ", certificate_path));
    }
    RETURN_IF_ERROR(CheckAuthority(certificate_path, certificates->front().get(), now));
    return CertificateAuthority(directory, std::move(certificates->front()), *std::move(key), /*created=*/false);
  }
  fs::create_directories(directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), directory);
  KeyPtr key(EVP_EC_gen("P-256"));
  const std::string serial = RandomSerial();
  CertificatePtr certificate = Blank(serial, absl::StrCat("seedcast development CA ", serial.substr(0, 8)), key.get(),
                                     now - kClockSkew, now + kAuthorityLifetime);
  RETURN_IF_ERROR(Sign(certificate.get(),
                       {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                        {NID_key_usage, "critical,keyCertSign,cRLSign"},
                        {NID_subject_key_identifier, "hash"}},
                       certificate.get(), key.get()));
  RETURN_IF_ERROR(WriteFile(key_path, PemOf(key.get()), kSecret));
  RETURN_IF_ERROR(WriteFile(certificate_path, PemOf(certificate.get()), kPublic));
  return CertificateAuthority(directory, std::move(certificate), std::move(key), /*created=*/true);
}

absl::StatusOr<LeafRequest> FindLeaf(const std::string& directory, const std::string& name) {
  const std::string path = absl::StrCat(directory, "/", name, "/", kCertificateFile);
  std::error_code error;
  if (!fs::exists(path, error)) return absl::NotFoundError(absl::StrCat(path, ": not there"));
  const auto at_path = [&](const absl::Status& status) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", status.message()));
  };
  ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  const auto certificates = ParseCertificates(pem);
  if (!certificates.ok()) return at_path(certificates.status());
  X509* certificate = certificates->front().get();
  absl::StatusOr<Identity> identity = IdentityOf(UriNames(certificate));
  if (!identity.ok()) return at_path(identity.status());
  LeafRequest request;
  request.identity = *std::move(identity);
  request.hosts = HostNames(certificate);
  return request;
}

absl::StatusOr<std::vector<LeafRequest>> FindLeaves(const std::string& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (fs::exists(entry.path() / kCertificateFile, error)) names.insert(entry.path().filename());
  }
  std::vector<LeafRequest> leaves;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(LeafRequest leaf, FindLeaf(directory, name));
    if (leaf.identity.name == name) leaves.push_back(std::move(leaf));
  }
  return leaves;
}

absl::StatusOr<IssuedLeaf> CertificateAuthority::Issue(const LeafRequest& request, absl::Time now) const {
  RETURN_IF_ERROR(request.Validate());
  const std::string serial = RandomSerial();
  const KeyPtr key(EVP_EC_gen("P-256"));
  // Beyond its authority's end nobody believes it.
  const IssuedLeaf issued = {directory_ + "/" + request.identity.name,
                             std::min(now + request.lifetime, TimeOf(X509_get0_notAfter(certificate_.get())))};
  const CertificatePtr certificate =
      Blank(serial, request.identity.name, key.get(), now - kClockSkew, issued.not_after);
  // A coordinator asks itself for its health, so it is a client too; nobody else can pose as a server.
  const bool serves = request.identity.role == Role::kCoordinator;
  RETURN_IF_ERROR(Sign(certificate.get(),
                       {{NID_basic_constraints, "critical,CA:FALSE"},
                        {NID_key_usage, "critical,digitalSignature"},
                        {NID_ext_key_usage, serves ? "serverAuth,clientAuth" : "clientAuth"},
                        {NID_subject_key_identifier, "hash"},
                        {NID_authority_key_identifier, "keyid"},
                        {NID_subject_alt_name, AlternativeNames(request)}},
                       certificate_.get(), key_.get()));
  const std::string version = absl::StrCat(".", serial);
  const std::string folder = absl::StrCat(issued.directory, "/", version, "/");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return absl::ErrnoToStatus(error.value(), folder);
  // What root renews must stay readable to the user whose leaf it is.
  struct stat leaf = {};
  if (stat(issued.directory.c_str(), &leaf) != 0) return SystemError(issued.directory);
  RETURN_IF_ERROR(WriteFile(folder + kKeyFile, PemOf(key.get()), kSecret, leaf.st_uid));
  RETURN_IF_ERROR(WriteFile(folder + kCertificateFile, PemOf(certificate.get()), kPublic));
  RETURN_IF_ERROR(WriteFile(folder + kAuthorityFile, PemOf(certificate_.get()), kPublic));
  RETURN_IF_ERROR(SwapIn(issued.directory, version));
  return issued;
}

}  // namespace seedcast
