// Files for tests to find, good and bad.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/string_view.h"

namespace seedcast {

// Makes the directories above it too.
inline void WriteFile(const std::string& path, absl::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace seedcast
