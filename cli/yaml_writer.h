// A protobuf message as YAML that MergeYaml reads back (yaml_message.h): what is set, names as in the proto.
#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace seedcast {

std::string ToYaml(const google::protobuf::Message& message);

}  // namespace seedcast
