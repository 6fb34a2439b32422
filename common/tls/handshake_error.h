// Why a coordinator's certificate was not believed, where gRPC tells it in the words of a library.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/tls/certificate.h"

namespace seedcast {

// What `message`, of a call to `address` that did not connect, comes to: which option or host does not fit. None where
// it says nothing of a certificate that this end has refused.
std::optional<std::string> ExplainHandshake(absl::string_view message, const TlsFiles& files,
                                            const std::string& address);

}  // namespace seedcast
