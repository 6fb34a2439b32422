#include "tests/coordinator/store/fault_disk.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>

namespace seedcast {
namespace {

constexpr int64_t kSector = 512;

// SQLite allocates szOsFile bytes and casts: no constructor runs until Open.
struct OpenFile {
  sqlite3_file base;  // must be first
  FaultDisk* disk;
  std::shared_ptr<FaultDisk::File>* file;  // owned; shared because SQLite may delete the name first
};

FaultDisk::File& FileOf(sqlite3_file* file) { return **reinterpret_cast<OpenFile*>(file)->file; }
FaultDisk& DiskOf(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->disk; }
FaultDisk& DiskOf(sqlite3_vfs* vfs) { return *static_cast<FaultDisk*>(vfs->pAppData); }

void Apply(const FaultDisk::Write& write, std::string* content) {
  const size_t end = write.offset + write.bytes.size();
  if (content->size() < end) content->resize(end, '\0');
  std::copy(write.bytes.begin(), write.bytes.end(), content->begin() + write.offset);
}

int Close(sqlite3_file* file) {
  delete reinterpret_cast<OpenFile*>(file)->file;
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
  const std::string& content = FileOf(file).current;
  const int64_t here = std::clamp<int64_t>(static_cast<int64_t>(content.size()) - offset, 0, amount);
  if (here > 0) std::memcpy(out, content.data() + offset, here);
  std::memset(static_cast<char*>(out) + here, 0, amount - here);
  return here == amount ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int WriteTo(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
  if (const int fault = DiskOf(file).Operation(); fault != SQLITE_OK) return fault;
  FaultDisk::File& target = FileOf(file);
  if (!DiskOf(file).HasRoomFor(offset + amount - static_cast<int64_t>(target.current.size()))) return SQLITE_FULL;
  target.unsynced.push_back({offset, std::string(static_cast<const char*>(data), amount)});
  Apply(target.unsynced.back(), &target.current);
  return SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int fault = DiskOf(file).Operation(); fault != SQLITE_OK) return fault;
  FaultDisk::File& target = FileOf(file);
  target.current.resize(size);
  target.durable.resize(std::min<size_t>(size, target.durable.size()));
  std::erase_if(target.unsynced, [size](const FaultDisk::Write& write) { return write.offset >= size; });
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int) {
  if (const int fault = DiskOf(file).Operation(); fault != SQLITE_OK) return fault;
  FileOf(file).durable = FileOf(file).current;
  FileOf(file).unsynced.clear();
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(FileOf(file).current.size());
  return SQLITE_OK;
}

int Lock(sqlite3_file*, int) { return SQLITE_OK; }
int CheckReservedLock(sqlite3_file*, int* locked) { return *locked = 0, SQLITE_OK; }
int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return kSector; }
int DeviceCharacteristics(sqlite3_file*) { return 0; }

// Version 1: no shared memory, as WAL in exclusive mode needs none.
constexpr sqlite3_io_methods kFileMethods = {1,
                                             Close,
                                             Read,
                                             WriteTo,
                                             Truncate,
                                             Sync,
                                             FileSize,
                                             Lock,
                                             Lock,
                                             CheckReservedLock,
                                             FileControl,
                                             SectorSize,
                                             DeviceCharacteristics,
                                             nullptr,
                                             nullptr,
                                             nullptr,
                                             nullptr,
                                             nullptr,
                                             nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto& files = DiskOf(vfs).files();
  const std::string path = name == nullptr ? "temporary" : name;
  if (!files.contains(path)) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    files[path] = std::make_shared<FaultDisk::File>();
  }
  auto* open = reinterpret_cast<OpenFile*>(file);
  open->base.pMethods = &kFileMethods;
  open->disk = &DiskOf(vfs);
  open->file = new std::shared_ptr<FaultDisk::File>(files[path]);
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* name, int) {
  if (const int fault = DiskOf(vfs).Operation(); fault != SQLITE_OK) return fault;
  return DiskOf(vfs).files().erase(name) > 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

int Access(sqlite3_vfs* vfs, const char* name, int, int* result) {
  *result = DiskOf(vfs).files().contains(name) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  std::snprintf(out, size, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int size, char* out) {
  std::memset(out, 42, size);
  return size;
}

int Sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
int CurrentTime(sqlite3_vfs*, double* julian_day) { return *julian_day = 2460000.0, SQLITE_OK; }
int GetLastError(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

FaultDisk::FaultDisk(Registration registration)
    : name_("fault-disk-" + std::to_string(reinterpret_cast<uintptr_t>(this))) {
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(OpenFile);
  vfs_.mxPathname = 1024;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  vfs_.xAccess = Access;
  vfs_.xFullPathname = FullPathname;
  vfs_.xRandomness = Randomness;
  vfs_.xSleep = Sleep;
  vfs_.xCurrentTime = CurrentTime;
  vfs_.xGetLastError = GetLastError;
  sqlite3_vfs_register(&vfs_, registration == Registration::kDefault ? 1 : 0);
}

FaultDisk::~FaultDisk() { sqlite3_vfs_unregister(&vfs_); }

void FaultDisk::SetFault(int64_t first, int64_t last, int code) {
  operations_ = 0;
  first_fault_ = first;
  last_fault_ = last;
  fault_code_ = code;
}

int FaultDisk::Operation() {
  ++operations_;
  return operations_ >= first_fault_ && operations_ <= last_fault_ ? fault_code_ : SQLITE_OK;
}

bool FaultDisk::HasRoomFor(int64_t more) const {
  int64_t used = 0;
  for (const auto& [path, file] : files_) used += static_cast<int64_t>(file->current.size());
  return more <= 0 || used + more <= capacity_;
}

void FaultDisk::PowerCut(Loss loss, uint32_t seed) {
  std::minstd_rand random(seed);
  for (auto& [path, file] : files_) {
    if (loss == Loss::kUnsynced) file->current = file->durable;
    if (loss == Loss::kSomeSectors) {
      file->current = file->durable;
      for (const Write& write : file->unsynced) {
        for (int64_t at = 0; at < static_cast<int64_t>(write.bytes.size()); at += kSector) {
          if (random() % 2 == 0) Apply({write.offset + at, write.bytes.substr(at, kSector)}, &file->current);
        }
      }
    }
    file->durable = file->current;
    file->unsynced.clear();
  }
}

}  // namespace seedcast
