// SQLite's C interface with owners and absl::Status. What a caller needs to know of SQLite's error codes is in
// SqliteError; nothing else of the project includes sqlite3.h.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"

namespace seedcast {

// The last error of `db` as a status: RESOURCE_EXHAUSTED full disk, too large or out of memory; UNAVAILABLE busy or an
// I/O error (try again); DATA_LOSS damaged or no database; PERMISSION_DENIED cannot open or write; else INTERNAL.
absl::Status SqliteError(sqlite3* db, absl::string_view doing);

// One connection. Not thread-safe.
class SqliteConnection {
 public:
  // `vfs` names SQLite's file layer; null is the operating system's.
  static absl::StatusOr<SqliteConnection> Open(const std::string& path, const char* vfs);

  // Runs statements without results.
  absl::Status Execute(const std::string& sql);
  // Runs `body` (returning absl::Status) between BEGIN IMMEDIATE and COMMIT; an error of either leaves nothing behind.
  template <typename Body>
  absl::Status InTransaction(const Body& body) {
    RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
    absl::Status status = body();
    if (status.ok()) status = Execute("COMMIT");
    if (!status.ok()) RollBack();
    return status;
  }

  sqlite3* get() const { return db_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  void RollBack();

  std::unique_ptr<sqlite3, Closer> db_;
};

// A parameter or column that is bytes and not text.
struct SqliteBlob {
  absl::string_view bytes;
};

// A statement in use: steps through its rows and resets it when it dies. Views returned by columns are valid until the
// next Next().
class SqliteCursor {
 public:
  SqliteCursor(sqlite3* db, sqlite3_stmt* statement, absl::Status status)
      : db_(db), statement_(statement), status_(std::move(status)) {}
  ~SqliteCursor() { sqlite3_reset(statement_); }
  SqliteCursor(const SqliteCursor&) = delete;
  SqliteCursor& operator=(const SqliteCursor&) = delete;

  absl::StatusOr<bool> Next();  // false after the last row

  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  double Real(int column) const { return sqlite3_column_double(statement_, column); }
  absl::string_view Bytes(int column) const;  // text or blob
  std::string Text(int column) const { return std::string(Bytes(column)); }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_;
  absl::Status status_;  // of preparing and binding
};

// A statement prepared at its first use and kept. The connection must outlive it.
class SqliteStatement {
 public:
  SqliteStatement(SqliteConnection* connection, std::string sql) : connection_(connection), sql_(std::move(sql)) {}

  // Binds ?1, ?2, ... in order. Blobs are not copied: they must outlive the cursor.
  template <typename... Values>
  SqliteCursor Query(const Values&... values) {
    absl::Status status = Prepare();
    int index = 0;
    (Bind(++index, values, &status), ...);
    return {connection_->get(), statement_.get(), std::move(status)};
  }
  // For statements without rows.
  template <typename... Values>
  absl::Status Execute(const Values&... values) {
    return Query(values...).Next().status();
  }

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  absl::Status Prepare();
  void Bind(int index, int64_t value, absl::Status* status);
  void Bind(int index, double value, absl::Status* status);
  void Bind(int index, const std::string& text, absl::Status* status);
  void Bind(int index, SqliteBlob blob, absl::Status* status);
  void Check(int code, absl::Status* status) const;

  SqliteConnection* connection_;
  std::string sql_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

}  // namespace seedcast
