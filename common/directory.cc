#include "common/directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace seedcast {
namespace {

namespace fs = std::filesystem;

// `directory`, else the nearest path above it that is there.
fs::path NearestExisting(const std::string& directory) {
  std::error_code error;
  fs::path path = fs::absolute(directory, error).lexically_normal();
  while (path.has_relative_path() && !fs::exists(path, error) && !error) path = path.parent_path();
  return path;
}

// 0, or the system's error.
int TryToMakeAFile(const std::string& directory) {
  int fd = open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {  // this file system has none without a name
    std::string name = directory + "/.seedcast-XXXXXX";
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) unlink(name.c_str());
  }
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

}  // namespace

absl::Status CheckWritable(const std::string& directory) {
  const std::string place = NearestExisting(directory);
  const int error = TryToMakeAFile(place);
  if (error == 0) return absl::OkStatus();
  const std::string above = place == directory ? "" : absl::StrCat(" (for ", directory, ")");
  return absl::ErrnoToStatus(error, absl::StrCat(place, " cannot be written", above));
}

double FreeBytes(const std::string& directory) {
  std::error_code error;
  const fs::space_info space = fs::space(NearestExisting(directory), error);
  return error ? -1 : static_cast<double>(space.available);
}

}  // namespace seedcast
