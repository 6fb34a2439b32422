// JSON for machines: what --json prints. Numbers stay numbers (protobuf's own mapping would quote 64-bit integers),
// names are those of the proto, enums are their names, and a number that is not finite is null.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// One line. Scalar fields are always there, submessages and `optional` fields only where they are set.
std::string ToJson(const google::protobuf::Message& message);
// The same, with null for a figure that is not kept.
std::string ToJson(const v1::JobStatus& status);
std::string ToJson(const v1::ListJobsResponse& response);

// NaN where no generation was made since the coordinator started, which counts them.
double KeptBytesPerGeneration(const v1::JobStatus& status);

// An object put together by hand; fields keep the order in which they were added.
class JsonObject {
 public:
  JsonObject& Text(absl::string_view key, absl::string_view value);
  JsonObject& Integer(absl::string_view key, int64_t value);
  JsonObject& Number(absl::string_view key, double value);
  JsonObject& Raw(absl::string_view key, absl::string_view json);  // `json` is JSON already

  std::string str() const;  // one line

 private:
  std::string body_;
};

std::string JsonArray(const std::vector<std::string>& items);  // of items that are JSON already

}  // namespace seedcast
