#include "coordinator/store/inspect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/sqlite_store.h"

namespace seedcast {
namespace {

// SQLite's locks are POSIX record locks on bytes 2^30 .. 2^30 + 511 of the file (its file format, "The Lock-Byte
// Page").
absl::Status FindHolder(const std::string& path, StoreInspection* inspection) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = int64_t{1} << 30;
  lock.l_len = 512;
  const int result = fcntl(fd, F_GETLK, &lock);
  close(fd);
  if (result != 0) return absl::ErrnoToStatus(errno, path);
  inspection->held = lock.l_type != F_UNLCK;
  if (inspection->held && lock.l_pid > 0) inspection->holder = lock.l_pid;
  return absl::OkStatus();
}

absl::Status ReadFigures(const std::string& path, StoreInspection* inspection) {
  ASSIGN_OR_RETURN(SqliteConnection db, SqliteConnection::Open(path, nullptr));
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  RETURN_IF_ERROR(db.Execute("PRAGMA locking_mode = EXCLUSIVE"));  // as its owner does: WAL without shared memory
  ASSIGN_OR_RETURN(inspection->schema_version, ReadSchemaVersion(db));
  if (inspection->schema_version == 0 || inspection->schema_version > inspection->newest_schema_version) {
    return absl::OkStatus();  // it has no tables yet, or others than we know
  }
  ASSIGN_OR_RETURN(inspection->jobs, ReadInteger(db, "SELECT count(*) FROM jobs"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StoreInspection> InspectStore(const std::string& directory) {
  StoreInspection inspection;
  inspection.newest_schema_version = static_cast<int64_t>(StoreMigrations().size());
  const std::string path = absl::StrCat(directory, "/", kStoreFile);
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return inspection;
    return absl::ErrnoToStatus(errno, path);
  }
  inspection.exists = true;
  RETURN_IF_ERROR(FindHolder(path, &inspection));
  if (inspection.held) return inspection;
  if (const absl::Status read = ReadFigures(path, &inspection); !read.ok()) {
    return absl::Status(read.code(), absl::StrCat(path, ": ", read.message()));
  }
  return inspection;
}

}  // namespace seedcast
