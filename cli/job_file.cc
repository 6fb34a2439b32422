#include "cli/job_file.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

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

}  // namespace

absl::Status ApplyOverrides(const std::vector<std::string>& overrides, v1::JobSpec* spec, Origins* origins) {
  for (const std::string& assignment : overrides) RETURN_IF_ERROR(SetField(assignment, spec, origins));
  return WithOrigin(Resolve(*spec).status(), *origins);
}

absl::StatusOr<v1::JobSpec> ParseJobFile(absl::string_view text, absl::string_view name,
                                         const std::vector<std::string>& overrides) {
  v1::JobSpec spec;
  Origins origins;
  RETURN_IF_ERROR(MergeYaml(text, name, &spec, &origins));
  RETURN_IF_ERROR(ApplyOverrides(overrides, &spec, &origins));
  return spec;
}

absl::StatusOr<v1::JobSpec> LoadJobFile(const std::string& path, const std::vector<std::string>& overrides) {
  ASSIGN_OR_RETURN(const std::string text, ReadJobFile(path));
  return ParseJobFile(text, path, overrides);
}

}  // namespace seedcast
