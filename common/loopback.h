#pragma once

#include <string>

namespace seedcast {

// Whether nobody but this machine's processes can reach "127.0.0.1:7070", "localhost:0", "[::1]:0" or "unix:path".
bool IsLoopback(const std::string& address);

}  // namespace seedcast
