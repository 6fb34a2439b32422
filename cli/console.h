// Where a command speaks: results on `out` (with --json nothing else appears there), progress and messages on `err`.
#pragma once

#include <ostream>

namespace seedcast {

struct Console {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;  // a progress line may be redrawn in place
};

}  // namespace seedcast
