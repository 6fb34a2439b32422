#include "cli/job_file.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "worker/tasks/learned_optimizer/learned_optimizer.h"

namespace seedcast {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::StatusOr<std::string> ReadJobFile(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
  if (file == nullptr) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  std::string text(kMaxJobFileBytes + 1, '\0');  // one byte more than allowed, to notice that there is more
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get())) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  if (text.size() > kMaxJobFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": too large for a job file, expected at most ", kMaxJobFileBytes, " bytes"));
  }
  return text;
}

// Puts the place in front of "strategy.sigma.initial: -1, expected ...": the field's own line, else that of the nearest
// field above it.
absl::Status WithOrigin(const absl::Status& status, const Origins& origins) {
  absl::string_view path = status.message();
  path = path.substr(0, path.find(':'));
  while (!path.empty()) {
    if (const auto origin = origins.find(std::string(path)); origin != origins.end()) {
      return absl::Status(status.code(), absl::StrCat(origin->second, ": ", status.message()));
    }
    const size_t dot = path.rfind('.');
    path = path.substr(0, dot == absl::string_view::npos ? 0 : dot);
  }
  return status;
}

// Walks from a message to the field that `path` names: "strategy.sigma.initial", "clusters[2].name". False for an item
// of a list, which is no field, and for a field of an item that is not there.
bool Walk(absl::string_view path, const Message** message, const FieldDescriptor** field) {
  *field = nullptr;
  int index = -1;
  for (absl::string_view step : absl::StrSplit(path, '.')) {
    if (*field != nullptr) {
      const google::protobuf::Reflection& reflection = *(*message)->GetReflection();
      if (index >= 0 && index >= reflection.FieldSize(**message, *field)) return false;
      *message = index < 0 ? &reflection.GetMessage(**message, *field)
                           : &reflection.GetRepeatedMessage(**message, *field, index);
    }
    const std::vector<absl::string_view> parts = absl::StrSplit(step, absl::ByAnyChar("[]"));
    *field = (*message)->GetDescriptor()->FindFieldByName(std::string(parts[0]));
    if (parts.size() == 1 || !absl::SimpleAtoi(parts[1], &index)) index = -1;
  }
  return index < 0;
}

// A proto3 field without presence cannot tell a written 0 from one left out, and would take its default in silence.
absl::Status CheckWrittenZeros(const v1::JobSpec& spec, const v1::JobSpec& resolved, const Origins& origins) {
  for (const auto& [path, origin] : origins) {
    const Message* written = &spec;
    const Message* used = &resolved;
    const FieldDescriptor* field = nullptr;
    if (!Walk(path, &written, &field) || field->is_repeated()) continue;
    Walk(path, &used, &field);
    if (field->has_presence() || written->GetReflection()->HasField(*written, field)) continue;
    if (!used->GetReflection()->HasField(*used, field)) continue;
    std::string value;
    google::protobuf::TextFormat::PrintFieldValueToString(*used, field, -1, &value);
    return absl::InvalidArgumentError(absl::StrCat(path, ": ",
                                                   field->cpp_type() == field->CPPTYPE_STRING ? "\"\"" : "0",
                                                   " is out of its range; leave it out for the default, ", value));
  }
  return absl::OkStatus();
}

// A task's validation takes no notice of what it does not read, and whoever wrote it believes that it counts.
absl::Status CheckValidationIsRead(const v1::JobSpec& resolved, const Origins& origins) {
  const Message& episodes = resolved.validation().episodes();
  for (const char* name : {"way", "shot", "query", "steps"}) {
    const std::string path = absl::StrCat("validation.episodes.", name);
    if (origins.find(path) == origins.end()) continue;
    const int32_t value = episodes.GetReflection()->GetInt32(episodes, episodes.GetDescriptor()->FindFieldByName(name));
    RETURN_IF_ERROR(CheckIsRead(resolved, name, path, absl::StrCat(value)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyOverrides(const std::vector<std::string>& overrides, v1::JobSpec* spec, Origins* origins) {
  for (const std::string& assignment : overrides) RETURN_IF_ERROR(SetField(assignment, spec, origins));
  const absl::StatusOr<v1::JobSpec> resolved = Resolve(*spec);
  if (!resolved.ok()) return WithOrigin(resolved.status(), *origins);
  if (resolved->has_learned_optimizer()) {
    const auto clusters = ExpandClusters(resolved->learned_optimizer());
    if (!clusters.ok()) return WithOrigin(clusters.status(), *origins);
  }
  RETURN_IF_ERROR(WithOrigin(CheckWrittenZeros(*spec, *resolved, *origins), *origins));
  return WithOrigin(CheckValidationIsRead(*resolved, *origins), *origins);
}

absl::StatusOr<v1::JobSpec> ParseJobFile(absl::string_view text, absl::string_view name,
                                         const std::vector<std::string>& overrides) {
  v1::JobSpec spec;
  Origins origins;
  RETURN_IF_ERROR(MergeYaml(text, name, &spec, &origins));
  const absl::Status status = ApplyOverrides(overrides, &spec, &origins);
  // What is missing stands in no line.
  const bool has_place =
      absl::StartsWith(status.message(), absl::StrCat(name, ":")) || absl::StartsWith(status.message(), "--set ");
  if (!status.ok() && !has_place) return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
  RETURN_IF_ERROR(status);
  return spec;
}

absl::StatusOr<v1::JobSpec> LoadJobFile(const std::string& path, const std::vector<std::string>& overrides) {
  ASSIGN_OR_RETURN(const std::string text, ReadJobFile(path));
  return ParseJobFile(text, path, overrides);
}

}  // namespace seedcast
