#include "worker/data/artifacts.h"

#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "worker/data/files.h"

namespace seedcast {
namespace {

// Far above any data set of ours, and below what would hurt a worker.
constexpr int64_t kMaxArtifactBytes = int64_t{1} << 30;

// What goes into a path is 64 hexadecimal digits or nothing, so that a peer's digest cannot point elsewhere.
absl::StatusOr<std::string> Normalized(absl::string_view digest) {
  Digest unused;
  if (!FromHex(digest, &unused)) {
    return absl::NotFoundError(absl::StrCat("'", digest.substr(0, 80), "' is no digest (64 hexadecimal digits)"));
  }
  return absl::AsciiStrToLower(digest);
}

}  // namespace

std::string ArtifactStore::PathOf(absl::string_view digest) const { return absl::StrCat(directory_, "/", digest); }

std::string ArtifactStore::PathOfName(absl::string_view name) const {
  return absl::StrCat(directory_, "/names/", ToHex(Sha256Of(name)));
}

absl::StatusOr<std::string> ArtifactStore::Get(absl::string_view digest) const {
  ASSIGN_OR_RETURN(const std::string wanted, Normalized(digest));
  {
    absl::MutexLock lock(&mutex_);
    if (const auto found = unwritten_.find(wanted); found != unwritten_.end()) return found->second;
  }
  if (directory_.empty()) return absl::NotFoundError(absl::StrCat("artifact ", wanted, " is not in memory"));
  const std::string path = PathOf(wanted);
  ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(path, kMaxArtifactBytes));
  const std::string got = ToHex(Sha256Of(bytes));
  if (got != wanted) {
    unlink(path.c_str());
    return absl::DataLossError(absl::StrCat(path, ": digest is ", got, ", expected ", wanted, "; removed"));
  }
  return bytes;
}

bool ArtifactStore::Has(absl::string_view digest) const {
  const auto wanted = Normalized(digest);
  if (!wanted.ok()) return false;
  {
    absl::MutexLock lock(&mutex_);
    if (unwritten_.contains(*wanted)) return true;
  }
  struct stat info;
  return !directory_.empty() && stat(PathOf(*wanted).c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string ArtifactStore::Put(std::string bytes) {
  std::string digest = ToHex(Sha256Of(bytes));  // not const: it is moved out
  // A file that is there is read rather than believed: a damaged one goes away in Get.
  if (Get(digest).ok()) return digest;
  if (!directory_.empty()) {
    const absl::Status written = WriteWholeFile(PathOf(digest), bytes);
    if (written.ok()) return digest;
    LogWarning("artifact kept in memory only", {{"digest", digest}, {"reason", std::string(written.message())}});
  }
  absl::MutexLock lock(&mutex_);
  unwritten_[digest] = std::move(bytes);
  return digest;
}

absl::StatusOr<std::string> ArtifactStore::Find(absl::string_view name) const {
  if (directory_.empty()) return absl::NotFoundError("names are not kept without a directory");
  ASSIGN_OR_RETURN(const std::string digest, ReadWholeFile(PathOfName(name), 64));
  return Normalized(digest);
}

absl::Status ArtifactStore::Remember(absl::string_view name, absl::string_view digest) {
  if (directory_.empty()) return absl::FailedPreconditionError("names are not kept without a directory");
  ASSIGN_OR_RETURN(const std::string target, Normalized(digest));
  return WriteWholeFile(PathOfName(name), target);
}

}  // namespace seedcast
