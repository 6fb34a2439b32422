#include "common/tls/certificate_relay.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

constexpr char kName[] = "seedcast-tls";  // as /proc/PID/fd shows it

bool WriteAll(int fd, const std::string& text, time_t version) {
  const timespec times[] = {{version, 0}, {version, 0}};
  return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && futimens(fd, times) == 0;
}

}  // namespace

CertificateRelay::CertificateRelay(TlsFiles files, TlsSide side)
    : files_(std::move(files)),
      side_(side),
      pair_(memfd_create(kName, MFD_CLOEXEC)),
      authority_(memfd_create(kName, MFD_CLOEXEC)) {}

CertificateRelay::~CertificateRelay() {
  close(pair_);
  close(authority_);
}

std::string CertificateRelay::PathOf(int slot) { return absl::StrCat("/proc/self/fd/", slot); }

absl::Status CertificateRelay::Put(const std::string& text, int slot) {
  const int fd = memfd_create(kName, MFD_CLOEXEC);
  absl::Status status;
  if (fd < 0 || !WriteAll(fd, text, ++version_) || dup3(fd, slot, O_CLOEXEC) < 0) {
    status = absl::ErrnoToStatus(errno, "a copy of the certificates in memory");
  }
  if (fd >= 0) close(fd);
  return status;
}

absl::Status CertificateRelay::Take(const LoadedCertificate& loaded) {
  const std::string pair = absl::StrCat(loaded.key_pem, "\n", loaded.certificate_pem);
  if (pair == pair_pem_ && loaded.authority_pem == authority_pem_) return absl::OkStatus();
  RETURN_IF_ERROR(Put(loaded.authority_pem, authority_));
  RETURN_IF_ERROR(Put(pair, pair_));
  if (!pair_pem_.empty()) {
    LogInfo("certificates renewed",
            {{"certificate", UriOf(loaded.checked.identity)},
             {"expires", absl::FormatTime(absl::RFC3339_sec, loaded.checked.not_after, absl::UTCTimeZone())}});
  }
  pair_pem_ = pair;
  authority_pem_ = loaded.authority_pem;
  return absl::OkStatus();
}

void CertificateRelay::Refresh(absl::Time now) {
  const absl::StatusOr<LoadedCertificate> loaded = LoadTlsFiles(files_, side_, now);
  const absl::Status status = loaded.ok() ? Take(*loaded) : loaded.status();
  const std::string reason(status.message());
  if (reason != reason_ && !status.ok()) {
    LogWarning("certificates are not renewed", {{"reason", reason}, {"next", "those before stay in use"}});
  }
  reason_ = reason;
}

}  // namespace seedcast
