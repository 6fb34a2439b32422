#include "coordinator/store/sqlite.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace seedcast {
namespace {

absl::StatusCode CodeOf(int extended, int system_errno) {
  if (extended == SQLITE_IOERR_CORRUPTFS) return absl::StatusCode::kDataLoss;
  switch (extended & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR:  // some file systems report a full disk only when they write back
      return system_errno == ENOSPC || system_errno == EDQUOT ? absl::StatusCode::kResourceExhausted
                                                              : absl::StatusCode::kUnavailable;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status SqliteError(sqlite3* db, absl::string_view doing) {
  const int code = sqlite3_extended_errcode(db);
  return {CodeOf(code, sqlite3_system_errno(db)),
          absl::StrCat(doing, ": ", sqlite3_errmsg(db), " (SQLite error ", code, ")")};
}

absl::StatusOr<SqliteConnection> SqliteConnection::Open(const std::string& path, const char* vfs) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs);
  SqliteConnection connection(db);  // also a failed open leaves a handle to close
  if (db == nullptr) return absl::ResourceExhaustedError("out of memory opening " + path);
  if (code != SQLITE_OK) return SqliteError(db, "opening " + path);
  sqlite3_extended_result_codes(db, 1);
  return connection;
}

absl::Status SqliteConnection::Execute(const std::string& sql) {
  if (sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  return SqliteError(get(), sql.substr(0, sql.find('\n')));
}

void SqliteConnection::RollBack() {
  // SQLite has rolled back by itself after some errors (full disk, I/O); asking again would be an error.
  if (!sqlite3_get_autocommit(get())) sqlite3_exec(get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

absl::StatusOr<bool> SqliteCursor::Next() {
  if (!status_.ok()) return status_;
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return SqliteError(db_, sqlite3_sql(statement_));
  }
}

absl::string_view SqliteCursor::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);  // before _bytes, which depends on the conversion
  return {static_cast<const char*>(bytes), static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

absl::Status SqliteStatement::Prepare() {
  if (statement_ != nullptr) return absl::OkStatus();
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_->get(), sql_.data(), static_cast<int>(sql_.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(connection_->get(), sql_);
}

void SqliteStatement::Bind(int index, int64_t value, absl::Status* status) {
  if (status->ok()) Check(sqlite3_bind_int64(statement_.get(), index, value), status);
}

void SqliteStatement::Bind(int index, double value, absl::Status* status) {
  if (status->ok()) Check(sqlite3_bind_double(statement_.get(), index, value), status);
}

void SqliteStatement::Bind(int index, const std::string& text, absl::Status* status) {
  if (!status->ok()) return;
  Check(sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8), status);
}

void SqliteStatement::Bind(int index, SqliteBlob blob, absl::Status* status) {
  if (!status->ok()) return;
  // A null pointer would bind NULL, which is not an empty blob.
  const char* data = blob.bytes.empty() ? "" : blob.bytes.data();
  Check(sqlite3_bind_blob64(statement_.get(), index, data, blob.bytes.size(), SQLITE_STATIC), status);
}

void SqliteStatement::Check(int code, absl::Status* status) const {
  if (code != SQLITE_OK) *status = SqliteError(connection_->get(), sql_);
}

}  // namespace seedcast
