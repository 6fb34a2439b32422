#include "coordinator/metrics/surroundings.h"

#include <filesystem>
#include <system_error>

namespace seedcast {

StoreSpace MeasureStore(const std::string& directory) {
  StoreSpace space;
  std::error_code error;
  if (directory.empty()) return space;
  if (const auto disk = std::filesystem::space(directory, error); !error) {
    space.free_bytes = static_cast<double>(disk.available);
  }
  double bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    std::error_code gone;  // SQLite's journals come and go
    if (const auto size = file.file_size(gone); !gone) bytes += static_cast<double>(size);
  }
  if (!error) space.bytes = bytes;
  return space;
}

}  // namespace seedcast
