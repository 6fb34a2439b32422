#pragma once

#include <string>

#include "absl/status/status.h"

namespace seedcast {

// Whether nobody but this machine's processes can be at the other end of "127.0.0.1:7070", "localhost:0", "[::1]:0" or
// "unix:path". Other names are not looked up: wherever they lead to today, tomorrow it may be elsewhere.
bool IsLoopback(const std::string& address);

// Of a coordinator to connect to. INVALID_ARGUMENT where all that is said would cross a network in plain text, and
// nobody asked for that: certificates that are not given may have been lost on their way here.
absl::Status CheckPlainText(const std::string& coordinator, bool secured, bool insecure);

}  // namespace seedcast
