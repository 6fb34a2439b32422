// A disk in memory, under SQLite as a VFS of its own: it fails when told, fills up, and on a power cut keeps of the
// unsynced writes all, none, or some of their sectors. kill -9 cannot show a missing fsync (the page cache survives the
// process); this can.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace seedcast {

class FaultDisk {
 public:
  enum class Loss { kNothing, kUnsynced, kSomeSectors };

  // With kDefault every store of this process is on it that does not ask for another VFS.
  enum class Registration { kByName, kDefault };
  explicit FaultDisk(Registration registration = Registration::kByName);
  ~FaultDisk();
  FaultDisk(const FaultDisk&) = delete;

  const char* vfs_name() const { return name_.c_str(); }

  // Counts writes, syncs, truncations and deletions from now on. The n-th (from 1) returns `code`: once, or it and all
  // after it.
  void FailOnce(int64_t n, int code) { SetFault(n, n, code); }
  void FailFrom(int64_t n, int code) { SetFault(n, INT64_MAX, code); }
  void Heal() { SetFault(INT64_MAX, INT64_MAX, SQLITE_OK); }
  int64_t operations() const { return operations_; }

  // Of all files; writes beyond it are SQLITE_FULL. Any thread.
  void SetCapacity(int64_t bytes) { capacity_ = bytes; }

  // Only while no file is open.
  void PowerCut(Loss loss, uint32_t seed);

  // For the VFS.
  struct Write {
    int64_t offset;
    std::string bytes;
  };
  struct File {
    std::string durable;          // as of the last sync
    std::string current;          // as a running process sees it
    std::vector<Write> unsynced;  // in order; truncations are taken as durable at once
  };
  int Operation();  // counts one; SQLITE_OK or the fault
  bool HasRoomFor(int64_t more) const;
  std::map<std::string, std::shared_ptr<File>>& files() { return files_; }

 private:
  void SetFault(int64_t first, int64_t last, int code);

  const std::string name_;
  sqlite3_vfs vfs_ = {};
  std::map<std::string, std::shared_ptr<File>> files_;
  int64_t operations_ = 0;
  int64_t first_fault_ = INT64_MAX;
  int64_t last_fault_ = INT64_MAX;
  int fault_code_ = SQLITE_OK;
  std::atomic<int64_t> capacity_ = INT64_MAX;
};

}  // namespace seedcast
