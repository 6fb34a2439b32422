#include "cli/yaml_message.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "google/protobuf/descriptor.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/yaml.h"

namespace seedcast {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr size_t kShownCharacters = 60;

// Levenshtein's distance between names, letter case aside.
int Distance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(a[i - 1]) == absl::ascii_tolower(b[j - 1]);
      const int replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

// "; did you mean NAME?" when a name is near, else nothing.
std::string Suggestion(absl::string_view written, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  int best = static_cast<int>(written.size() / 3) + 2;
  if (written.size() > kShownCharacters) return "";
  for (const std::string& name : names) {
    if (const int distance = Distance(written, name); distance < best) {
      best = distance;
      nearest = &name;
    }
  }
  return nearest == nullptr ? "" : absl::StrCat("; did you mean ", *nearest, "?");
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  names.reserve(type.field_count());
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

// Every enum's zero means "left out", which a file says by leaving it out.
std::vector<std::string> EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name());
  }
  return names;
}

std::string Shown(const YAML::Node& node) {
  if (node.IsNull()) return "no value";
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a mapping";
  const std::string& text = node.Scalar();
  if (text.empty()) return "\"\"";
  if (text.size() <= kShownCharacters) return absl::CEscape(text);
  return absl::StrCat(absl::CEscape(absl::string_view(text).substr(0, kShownCharacters)), "...");
}

// Of what the type does not hold. A field's own range is narrower than its type's, and not known here.
std::string IntegerExpected(absl::string_view written, absl::string_view larger = "a larger integer") {
  const std::string digits(absl::StripPrefix(written, "-"));
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return "an integer";
  return std::string(absl::StartsWith(written, "-") ? larger : "a smaller integer");
}

// What a value of this field looks like, or one of its values for a list, where `written` is none.
std::string ExpectedValue(const FieldDescriptor& field, absl::string_view written = "") {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return IntegerExpected(written);
    case FieldDescriptor::CPPTYPE_UINT64:
      return IntegerExpected(written, "an integer of 0 or more");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of ", absl::StrJoin(EnumNames(*field.enum_type()), ", "));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.message_type()->field_count() == 0) return "{}";
      return absl::StrCat("a mapping with some of ", absl::StrJoin(FieldNames(*field.message_type()), ", "));
    default:
      return "a value that a file cannot give";  // no such field in job.proto
  }
}

std::string Expected(const FieldDescriptor& field) {
  return field.is_repeated() ? absl::StrCat("a list, each ", ExpectedValue(field)) : ExpectedValue(field);
}

class Reader {
 public:
  // Messages begin with `source`, and with the line where lines mean something.
  Reader(absl::string_view source, bool has_lines, Origins* origins)
      : source_(source), has_lines_(has_lines), origins_(*origins) {}

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, Message* message) {
    std::set<std::string> seen;
    std::map<const OneofDescriptor*, std::string> chosen;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Error(entry.first, path, "a key that is not a name");
      const std::string& name = entry.first.Scalar();
      const std::string field_path = path.empty() ? name : absl::StrCat(path, ".", name);
      ASSIGN_OR_RETURN(const FieldDescriptor* field, Find(entry.first, *message->GetDescriptor(), name, path));
      if (!seen.insert(name).second) return Error(entry.first, field_path, "given twice");
      if (const OneofDescriptor* oneof = field->real_containing_oneof()) {
        const auto [other, first] = chosen.emplace(oneof, name);
        if (!first) {
          return Error(entry.first, field_path,
                       absl::StrCat("cannot stand beside ", other->second, ", expected one ", oneof->name()));
        }
      }
      RETURN_IF_ERROR(ReadField(entry.second, field_path, *field, message, entry.first));
    }
    return absl::OkStatus();
  }

  // `key` is where a missing value is reported: an empty value has no line of its own.
  absl::Status ReadField(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                         Message* message, const YAML::Node& key) {
    origins_[path] = Where(key);
    if (field.is_repeated()) return ReadList(node, path, field, message, key);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && node.IsMap()) {
      return ReadMessage(node, path, message->GetReflection()->MutableMessage(message, &field));
    }
    if (node.IsScalar() && SetScalar(node.Scalar(), field, message)) return absl::OkStatus();
    return WrongValue(node, path, field, key);
  }

  // `name` as a field of `type`, which stands at `path`.
  absl::StatusOr<const FieldDescriptor*> Find(const YAML::Node& at, const Descriptor& type, const std::string& name,
                                              const std::string& path) {
    if (const FieldDescriptor* field = type.FindFieldByName(name)) return field;
    const std::vector<std::string> names = FieldNames(type);
    const std::string expected =
        names.empty() ? "no fields here" : absl::StrCat("one of ", absl::StrJoin(names, ", "), Suggestion(name, names));
    const std::string shown = absl::CEscape(absl::string_view(name).substr(0, kShownCharacters));
    return Error(at, path.empty() ? shown : absl::StrCat(path, ".", shown),
                 absl::StrCat("unknown field, expected ", expected));
  }

  // A list replaces the one that was there.
  absl::Status ReadList(const YAML::Node& node, const std::string& path, const FieldDescriptor& field, Message* message,
                        const YAML::Node& key) {
    if (!node.IsSequence()) return Error(key, path, absl::StrCat(Shown(node), ", expected ", Expected(field)));
    message->GetReflection()->ClearField(message, &field);
    std::erase_if(origins_, [&](const auto& origin) { return absl::StartsWith(origin.first, path + "["); });
    for (size_t i = 0; i < node.size(); ++i) {
      const std::string item_path = absl::StrCat(path, "[", i, "]");
      origins_[item_path] = Where(node[i]);
      RETURN_IF_ERROR(ReadItem(node[i], item_path, field, message));
    }
    return absl::OkStatus();
  }

  absl::Status ReadItem(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                        Message* message) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && node.IsMap()) {
      return ReadMessage(node, path, message->GetReflection()->AddMessage(message, &field));
    }
    if (node.IsScalar() && SetScalar(node.Scalar(), field, message)) return absl::OkStatus();
    return WrongValue(node, path, field, node);
  }

  absl::Status WrongValue(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                          const YAML::Node& at) const {
    const std::string written = node.IsScalar() ? node.Scalar() : "";
    std::string hint;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      hint = Suggestion(written, EnumNames(*field.enum_type()));
    }
    return Error(at, path, absl::StrCat(Shown(node), ", expected ", ExpectedValue(field, written), hint));
  }

  absl::Status Error(const YAML::Node& at, absl::string_view path, absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(Where(at), ": ", path, path.empty() ? "" : ": ", what));
  }

 private:
  std::string Where(const YAML::Node& node) const {
    return has_lines_ ? absl::StrCat(source_, ":", node.Mark().line + 1) : source_;
  }

  // Sets a field or adds to a list. False when the text is no value of the field's type.
  static bool SetScalar(const std::string& text, const FieldDescriptor& field, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    const auto store = [&](auto set, auto add, const auto& value) {
      (reflection.*(field.is_repeated() ? add : set))(message, &field, value);
      return true;
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        int32_t value;
        return absl::SimpleAtoi(text, &value) && store(&Reflection::SetInt32, &Reflection::AddInt32, value);
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        int64_t value;
        return absl::SimpleAtoi(text, &value) && store(&Reflection::SetInt64, &Reflection::AddInt64, value);
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        uint64_t value;
        return absl::SimpleAtoi(text, &value) && store(&Reflection::SetUInt64, &Reflection::AddUInt64, value);
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        double value;
        return absl::SimpleAtod(text, &value) && std::isfinite(value) &&
               store(&Reflection::SetDouble, &Reflection::AddDouble, value);
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        return (text == "true" || text == "false") && store(&Reflection::SetBool, &Reflection::AddBool, text == "true");
      case FieldDescriptor::CPPTYPE_STRING:
        return store(&Reflection::SetString, &Reflection::AddString, text);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* value = field.enum_type()->FindValueByName(absl::AsciiStrToUpper(text));  // names are upper case
        return value != nullptr && value->number() != 0 && store(&Reflection::SetEnum, &Reflection::AddEnum, value);
      }
      default:
        return false;
    }
  }

  const std::string source_;
  const bool has_lines_;
  Origins& origins_;
};

// A document whose end is all that counts.
class Unread final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Whether a tab stands before the text of a line, counted from 0: a parser stumbles over what comes behind it.
bool IsIndentedByTab(absl::string_view text, int line) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (line < 0 || static_cast<size_t>(line) >= lines.size()) return false;
  const absl::string_view indentation = lines[line].substr(0, lines[line].find_first_not_of(" \t"));
  return absl::StrContains(indentation, '\t');
}

// The one document of `text`; `where` says what a parser's error is put down to.
absl::StatusOr<YAML::Node> ParseYaml(absl::string_view text, absl::string_view where, bool has_lines) {
  try {
    // Not YAML::LoadAll: of a text like "," it makes documents without end.
    std::istringstream input{std::string(text)};
    YAML::Parser parser(input);
    Unread unread;
    if (parser.HandleNextDocument(unread) && parser.HandleNextDocument(unread)) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": more than one document, expected one"));
    }
    return YAML::Load(std::string(text));
  } catch (const YAML::Exception& error) {
    const std::string line = has_lines ? absl::StrCat(":", error.mark.line + 1) : "";
    const std::string what =
        has_lines && IsIndentedByTab(text, error.mark.line) ? "tabs cannot indent" : absl::CEscape(error.msg);
    return absl::InvalidArgumentError(absl::StrCat(where, line, ": not YAML: ", what));
  }
}

}  // namespace

absl::Status MergeYaml(absl::string_view text, absl::string_view file, Message* message, Origins* origins) {
  ASSIGN_OR_RETURN(const YAML::Node root, ParseYaml(text, file, /*has_lines=*/true));
  Reader reader(file, /*has_lines=*/true, origins);
  if (!root.IsMap()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", Shown(root), ", expected a mapping with some of ",
                                                   absl::StrJoin(FieldNames(*message->GetDescriptor()), ", ")));
  }
  return reader.ReadMessage(root, "", message);
}

absl::Status SetField(absl::string_view assignment, Message* message, Origins* origins) {
  const std::string where = absl::StrCat("--set ", absl::CEscape(assignment.substr(0, 2 * kShownCharacters)));
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": expected path.to.field=value"));
  }
  ASSIGN_OR_RETURN(const YAML::Node value, ParseYaml(assignment.substr(equals + 1), where, /*has_lines=*/false));
  Reader reader(where, /*has_lines=*/false, origins);
  const std::vector<std::string> names = absl::StrSplit(assignment.substr(0, equals), '.');
  std::string path;
  for (size_t i = 0;; ++i) {
    ASSIGN_OR_RETURN(const FieldDescriptor* field, reader.Find(value, *message->GetDescriptor(), names[i], path));
    path = absl::StrJoin(names.begin(), names.begin() + i + 1, ".");
    if (i + 1 == names.size()) return reader.ReadField(value, path, *field, message, value);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated()) {
      return reader.Error(value, path, absl::StrCat("has no fields, expected ", Expected(*field)));
    }
    message = message->GetReflection()->MutableMessage(message, field);
  }
}

}  // namespace seedcast
