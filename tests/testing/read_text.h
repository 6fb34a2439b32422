// A file's contents, for tests.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

namespace seedcast {

// Empty where there is no such file.
inline std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace seedcast
