// An .npy entry (numpy's format 1.0):
//   "\x93NUMPY" 0x01 0x00, length of the header as 16 bits little-endian, the header, the values in C order.
// The header is a Python literal padded with spaces and one newline so that the values begin at a multiple of 64 bytes.
#include "cli/npz.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

std::string NpyHeader(const std::vector<int64_t>& shape) {
  // A Python tuple of one needs its comma: (3,).
  const std::string dimensions = absl::StrCat(absl::StrJoin(shape, ", "), shape.size() == 1 ? "," : "");
  std::string header = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", dimensions, "), }");
  constexpr size_t kPreamble = 10;
  header.append((64 - (kPreamble + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  std::string npy("\x93NUMPY\x01\x00", 8);
  npy += static_cast<char>(header.size() & 0xff);
  npy += static_cast<char>(header.size() >> 8);
  return npy + header;
}

// A zip file being written with libarchive.
class ZipWriter {
 public:
  explicit ZipWriter(std::string path) : path_(std::move(path)), archive_(archive_write_new(), archive_write_free) {}

  absl::Status Open() {
    archive_write_set_format_zip(archive_.get());
    RETURN_IF_ERROR(Check(archive_write_set_options(archive_.get(), "zip:compression=store")));
    return Check(archive_write_open_filename(archive_.get(), path_.c_str()));
  }

  absl::Status Add(const std::string& name, absl::string_view head, absl::string_view body) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<int64_t>(head.size() + body.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), kMtime, 0);
    RETURN_IF_ERROR(Check(archive_write_header(archive_.get(), entry.get())));
    RETURN_IF_ERROR(Data(head));
    return Data(body);
  }

  absl::Status Close() { return Check(archive_write_close(archive_.get())); }

 private:
  static constexpr int64_t kMtime = 315619200;  // 1980-01-02, the same in every export: equal models, equal bytes

  absl::Status Data(absl::string_view bytes) {
    const auto written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
    return Check(written == static_cast<la_ssize_t>(bytes.size()) ? ARCHIVE_OK : ARCHIVE_FATAL);
  }

  absl::Status Check(int result) {
    if (result == ARCHIVE_OK) return absl::OkStatus();
    const char* detail = archive_error_string(archive_.get());
    const std::string message =
        absl::StrCat(path_, ": cannot be written: ", detail == nullptr ? "unknown error" : detail);
    return absl::ErrnoToStatus(archive_errno(archive_.get()), message);
  }

  const std::string path_;
  const std::unique_ptr<archive, decltype(&archive_write_free)> archive_;
};

absl::Status WriteEntries(const std::string& path, const std::vector<Tensor>& tensors, absl::string_view metadata) {
  ZipWriter zip(path);
  RETURN_IF_ERROR(zip.Open());
  for (const Tensor& tensor : tensors) {
    const absl::string_view bytes(reinterpret_cast<const char*>(tensor.values.data()),
                                  tensor.values.size() * sizeof(float));
    RETURN_IF_ERROR(zip.Add(tensor.name + ".npy", NpyHeader(tensor.shape), bytes));
  }
  RETURN_IF_ERROR(zip.Add("metadata.json", metadata, ""));
  return zip.Close();
}

}  // namespace

absl::Status WriteNpz(const std::string& path, const std::vector<Tensor>& tensors, absl::string_view metadata_json) {
  const std::string partial = path + ".partial";
  if (absl::Status status = WriteEntries(partial, tensors, metadata_json); !status.ok()) {
    std::remove(partial.c_str());
    return status;
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be written"));
    std::remove(partial.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace seedcast
