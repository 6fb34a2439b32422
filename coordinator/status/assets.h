// The status page's files, part of the binary (embed.cmake).
#pragma once

#include <string>
#include <vector>

namespace seedcast {

struct Asset {
  std::string path;  // "/page.js"
  std::string text;
};

const std::vector<Asset>& Assets();

}  // namespace seedcast
