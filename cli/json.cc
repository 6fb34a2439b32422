#include "cli/json.h"

#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"

namespace seedcast {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string QuotedJson(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string NumberJson(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];  // the shortest decimal that reads back as the same double
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

// One value of `field`; `index` counts inside a repeated field and is -1 otherwise.
std::string FieldJson(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const auto get = [&](auto single, auto repeated) {
    return index < 0 ? (reflection.*single)(message, field) : (reflection.*repeated)(message, field, index);
  };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberJson(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberJson(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
    case FieldDescriptor::CPPTYPE_BOOL:
      return get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return QuotedJson(get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum)->name());
    case FieldDescriptor::CPPTYPE_STRING:
      return QuotedJson(get(&Reflection::GetString, &Reflection::GetRepeatedString));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(index < 0 ? reflection.GetMessage(message, field)
                              : reflection.GetRepeatedMessage(message, field, index));
  }
  return "null";
}

}  // namespace

std::string ToJson(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  JsonObject object;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->is_repeated()) {
      std::vector<std::string> items;
      items.reserve(reflection.FieldSize(message, field));
      for (int k = 0; k < reflection.FieldSize(message, field); ++k) items.push_back(FieldJson(message, field, k));
      object.Raw(field->name(), JsonArray(items));
    } else if (!field->has_presence() || reflection.HasField(message, field)) {
      object.Raw(field->name(), FieldJson(message, field, -1));
    }
  }
  return object.str();
}

double KeptBytesPerGeneration(const v1::JobStatus& status) {
  return status.bytes_per_generation() > 0 ? status.bytes_per_generation() : std::nan("");
}

std::string ToJson(const v1::JobStatus& status) {
  v1::JobStatus kept = status;
  kept.set_bytes_per_generation(KeptBytesPerGeneration(status));
  return ToJson(static_cast<const Message&>(kept));
}

std::string ToJson(const v1::ListJobsResponse& response) {
  v1::ListJobsResponse kept = response;
  for (v1::JobStatus& job : *kept.mutable_jobs()) job.set_bytes_per_generation(KeptBytesPerGeneration(job));
  return ToJson(static_cast<const Message&>(kept));
}

JsonObject& JsonObject::Text(absl::string_view key, absl::string_view value) { return Raw(key, QuotedJson(value)); }
JsonObject& JsonObject::Integer(absl::string_view key, int64_t value) { return Raw(key, absl::StrCat(value)); }
JsonObject& JsonObject::Number(absl::string_view key, double value) { return Raw(key, NumberJson(value)); }

JsonObject& JsonObject::Raw(absl::string_view key, absl::string_view json) {
  absl::StrAppend(&body_, body_.empty() ? "" : ", ", QuotedJson(key), ": ", json);
  return *this;
}

std::string JsonObject::str() const { return absl::StrCat("{", body_, "}"); }

std::string JsonArray(const std::vector<std::string>& items) {
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

}  // namespace seedcast
