#include "worker/data/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

absl::Status SystemError(absl::string_view what, const std::string& path, int error) {
  const std::string message = absl::StrCat(what, " ", path, ": ", strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnknownError(message);
  }
}

absl::Status WriteAll(int file, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("cannot write", path, errno);
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

absl::Status WriteAndSync(const std::string& path, absl::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) return SystemError("cannot create", path, errno);
  absl::Status status = WriteAll(file, bytes, path);
  if (status.ok() && fsync(file) != 0) status = SystemError("cannot sync", path, errno);
  if (close(file) != 0 && status.ok()) status = SystemError("cannot close", path, errno);
  return status;
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, int64_t max_bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return SystemError("cannot open", path, errno);
  const auto closer = absl::MakeCleanup([file] { close(file); });
  struct stat info;
  if (fstat(file, &info) != 0) return SystemError("cannot stat", path, errno);
  if (!S_ISREG(info.st_mode)) return absl::UnknownError(absl::StrCat(path, " is not a regular file"));
  if (info.st_size > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " has ", info.st_size, " bytes, expected at most ", max_bytes));
  }
  std::string bytes(info.st_size, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(file, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("cannot read", path, errno);
    if (got == 0) break;  // it shrank meanwhile
    done += got;
  }
  bytes.resize(done);
  return bytes;
}

absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes) {
  RETURN_IF_ERROR(MakeDirectoriesAbove(path));
  const std::string temporary = TemporaryName(path);
  absl::Status status = WriteAndSync(temporary, bytes);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    status = SystemError("cannot rename to", path, errno);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> count{0};
  return absl::StrCat(path, ".", getpid(), ".", count.fetch_add(1), ".tmp");
}

absl::Status MakeDirectoriesAbove(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (parent.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) return SystemError("cannot make directory", parent.string(), error.value());
  return absl::OkStatus();
}

}  // namespace seedcast
