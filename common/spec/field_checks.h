// Checks of one field, by its name in the message: what Resolve is written in. The first field out of range ends
// resolving; its message reads "strategy.weight_decay: 2, expected 0 .. 1".
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace seedcast {

// "path.field", or "field" when path is empty.
std::string Join(absl::string_view path, absl::string_view field);

// INVALID_ARGUMENT "field: value, expected expected".
absl::Status BadField(absl::string_view field, absl::string_view value, absl::string_view expected);

// `field` is an int32 or int64 of the message. A Resolve... function fills in `missing` where the field is left out:
// where it has no presence, where it is 0.
absl::Status CheckInt(absl::string_view path, const char* field, int64_t low, int64_t high,
                      const google::protobuf::Message& message);
absl::Status ResolveInt(absl::string_view path, const char* field, int64_t missing, int64_t low, int64_t high,
                        google::protobuf::Message* message);

// The same for a double, which must be a number.
absl::Status CheckDouble(absl::string_view path, const char* field, double low, double high,
                         const google::protobuf::Message& message);
// For an optional double only.
absl::Status ResolveDouble(absl::string_view path, const char* field, double missing, double low, double high,
                           google::protobuf::Message* message);

// An enum's 0 means left out; a number without a name is refused.
absl::Status ResolveEnum(absl::string_view path, const char* field, int missing, google::protobuf::Message* message);

// INVALID_ARGUMENT for a field anywhere in the message that this build's schema lacks: whoever wrote it means something
// that this build would leave undone in silence.
absl::Status RefuseUnknownFields(absl::string_view path, const google::protobuf::Message& message);

}  // namespace seedcast
