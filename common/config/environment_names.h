// The environment variables that mean something to seedcast: SEEDCAST_ and an option's name. One that is misspelt would
// silently do nothing, so it is an error.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace seedcast {

// "lease-ttl" -> "SEEDCAST_LEASE_TTL"
std::string EnvironmentName(absl::string_view option);

// Whether the coordinator, the worker or the CLI has an option "lease-ttl".
bool IsOptionOfSomePart(absl::string_view option);

// Each INVALID_ARGUMENT names a SEEDCAST_ variable that no part of seedcast has and, if there is one, the name that may
// be meant. What Kubernetes sets for services whose names begin so is let pass. `environment` is as main()'s third
// argument, `more` are names of options beside those that all parts have.
std::vector<absl::Status> CheckEnvironmentNames(const char* const* environment, const std::vector<std::string>& more);

// "; did you mean NAME?" when one of `names` is near, else nothing.
std::string DidYouMean(absl::string_view written, const std::vector<std::string>& names);

}  // namespace seedcast
