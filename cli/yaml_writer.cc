#include "cli/yaml_writer.h"

#include <yaml-cpp/yaml.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"

namespace seedcast {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void EmitMessage(const Message& message, YAML::Emitter* out);

// Value `index` of a repeated field; -1 for a single one.
void EmitValue(const Message& message, const FieldDescriptor* field, int index, YAML::Emitter* out) {
  const auto& reflection = *message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return EmitMessage(
        index < 0 ? reflection.GetMessage(message, field) : reflection.GetRepeatedMessage(message, field, index), out);
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    *out << (index < 0 ? reflection.GetString(message, field) : reflection.GetRepeatedString(message, field, index));
    return;
  }
  std::string text;  // a number, true, false, or an enum's name
  google::protobuf::TextFormat::PrintFieldValueToString(message, field, index, &text);
  *out << text;
}

void EmitMessage(const Message& message, YAML::Emitter* out) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  if (fields.empty()) *out << YAML::Flow;  // {} in one line
  *out << YAML::BeginMap;
  for (const FieldDescriptor* field : fields) {
    *out << YAML::Key << field->name() << YAML::Value;
    if (!field->is_repeated()) {
      EmitValue(message, field, -1, out);
      continue;
    }
    *out << YAML::BeginSeq;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) EmitValue(message, field, i, out);
    *out << YAML::EndSeq;
  }
  *out << YAML::EndMap;
}

}  // namespace

std::string ToYaml(const Message& message) {
  YAML::Emitter out;
  EmitMessage(message, &out);
  return absl::StrCat(out.c_str(), "\n");
}

}  // namespace seedcast
