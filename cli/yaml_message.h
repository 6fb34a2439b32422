// YAML read into a protobuf message, by the rules of protobuf's JSON mapping with the names as job.proto writes them:
// the proto is the one schema, and this reader knows nothing else. Strict: an unknown field, a second value for one
// field, a wrong type or a missing value is an error of one line,
//
//   examples/omniglot.yaml:12: strategy.populationsize: unknown field, expected one of population_size, sigma, ...;
//   did you mean population_size?
//
// Enum values may be written in any case. A list is a YAML list, an item's path ends in its index: "clusters[2].name".
// The walk follows the descriptor, never the YAML, so deep nesting, anchors and aliases cost nothing.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace seedcast {

// Where each field's value came from, by path: {"strategy.sigma", "examples/omniglot.yaml:12"}. Lets a later check of
// ranges name the line.
using Origins = std::map<std::string, std::string>;

// Sets the fields that `text` names. INVALID_ARGUMENT as above; `message` is then half set.
absl::Status MergeYaml(absl::string_view text, absl::string_view file, google::protobuf::Message* message,
                       Origins* origins);

// Applies "strategy.population_size=256"; the value is YAML, so "strategy.sigma={initial: 0.1}" works too. A list is
// set as a whole. Another member of a oneof replaces the one that was set.
absl::Status SetField(absl::string_view assignment, google::protobuf::Message* message, Origins* origins);

}  // namespace seedcast
