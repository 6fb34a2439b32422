#include "common/spec/field_checks.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace seedcast {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* Field(const Message& message, const char* name) {
  return message.GetDescriptor()->FindFieldByName(name);
}

int64_t IntOf(const Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  return field->cpp_type() == FieldDescriptor::CPPTYPE_INT64 ? reflection->GetInt64(message, field)
                                                             : reflection->GetInt32(message, field);
}

void SetInt(int64_t value, const FieldDescriptor* field, Message* message) {
  const auto* reflection = message->GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
    reflection->SetInt64(message, field, value);
  } else {
    reflection->SetInt32(message, field, static_cast<int32_t>(value));
  }
}

std::string Names(const EnumDescriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) names.push_back(type->value(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

std::string Join(absl::string_view path, absl::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", field);
}

absl::Status BadField(absl::string_view field, absl::string_view value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", value, ", expected ", expected));
}

absl::Status CheckInt(absl::string_view path, const char* field, int64_t low, int64_t high, const Message& message) {
  const int64_t value = IntOf(message, Field(message, field));
  if (value >= low && value <= high) return absl::OkStatus();
  return BadField(Join(path, field), absl::StrCat(value), absl::StrCat(low, " .. ", high));
}

absl::Status ResolveInt(absl::string_view path, const char* field, int64_t missing, int64_t low, int64_t high,
                        Message* message) {
  const FieldDescriptor* descriptor = Field(*message, field);
  if (!message->GetReflection()->HasField(*message, descriptor)) SetInt(missing, descriptor, message);
  return CheckInt(path, field, low, high, *message);
}

absl::Status CheckDouble(absl::string_view path, const char* field, double low, double high, const Message& message) {
  const double value = message.GetReflection()->GetDouble(message, Field(message, field));
  if (value >= low && value <= high) return absl::OkStatus();  // false for NaN
  return BadField(Join(path, field), absl::StrCat(value), absl::StrCat(low, " .. ", high));
}

absl::Status ResolveDouble(absl::string_view path, const char* field, double missing, double low, double high,
                           Message* message) {
  const FieldDescriptor* descriptor = Field(*message, field);
  if (!message->GetReflection()->HasField(*message, descriptor)) {
    message->GetReflection()->SetDouble(message, descriptor, missing);
  }
  return CheckDouble(path, field, low, high, *message);
}

absl::Status ResolveEnum(absl::string_view path, const char* field, int missing, Message* message) {
  const FieldDescriptor* descriptor = Field(*message, field);
  const auto* reflection = message->GetReflection();
  if (reflection->GetEnumValue(*message, descriptor) == 0) reflection->SetEnumValue(message, descriptor, missing);
  const int value = reflection->GetEnumValue(*message, descriptor);
  if (descriptor->enum_type()->FindValueByNumber(value) != nullptr) return absl::OkStatus();
  return BadField(Join(path, field), absl::StrCat(value), absl::StrCat("one of ", Names(descriptor->enum_type())));
}

absl::Status RefuseUnknownFields(absl::string_view path, const Message& message) {
  const auto& reflection = *message.GetReflection();
  if (const auto& unknown = reflection.GetUnknownFields(message); !unknown.empty()) {
    return BadField(path.empty() ? "spec" : path, absl::StrCat("field number ", unknown.field(0).number()),
                    "fields that this build knows; what sent it is newer");
  }
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string field_path = Join(path, field->name());
    const int items = field->is_repeated() ? reflection.FieldSize(message, field) : 0;
    for (int i = 0; i < items; ++i) {
      const Message& item = reflection.GetRepeatedMessage(message, field, i);
      if (absl::Status s = RefuseUnknownFields(absl::StrCat(field_path, "[", i, "]"), item); !s.ok()) return s;
    }
    if (field->is_repeated()) continue;
    if (absl::Status s = RefuseUnknownFields(field_path, reflection.GetMessage(message, field)); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace seedcast
