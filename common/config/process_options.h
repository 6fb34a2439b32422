// Options that several binaries have, under the same names.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "common/tls/certificate.h"

namespace seedcast {

// --tls-cert, --tls-key, --tls-ca
void AddTlsOptions(CLI::App* app, TlsFiles* files);

struct LogOptions {
  std::string level = "info";
  std::string format = "text";

  void Apply() const;
};
// --log-level, --log-format
void AddLogOptions(CLI::App* app, LogOptions* options);

}  // namespace seedcast
