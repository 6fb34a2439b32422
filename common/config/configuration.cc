#include "common/config/configuration.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/environment_names.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

bool IsConfigurable(const CLI::Option* option) { return option->get_configurable() && !option->get_lnames().empty(); }
const std::string& NameOf(const CLI::Option* option) { return option->get_lnames().front(); }
bool IsFlag(const CLI::Option* option) { return option->get_expected_max() == 0; }

std::vector<CLI::Option*> ConfigurableOptions(CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return IsConfigurable(option); });
}

// The value of NAME in an environment; empty when there is none.
std::string ValueOf(const char* const* environment, const std::string& name) {
  for (; *environment != nullptr; ++environment) {
    if (absl::StartsWith(*environment, name + "=")) return *environment + name.size() + 1;
  }
  return "";
}

// An error of CLI11 as one line.
std::string OneLine(absl::string_view text) {
  std::string line(absl::StripAsciiWhitespace(text));
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.fail())
    return absl::InvalidArgumentError(absl::StrCat("config: ", path, ": ", std::strerror(errno)));
  return text.str();
}

absl::StatusOr<YAML::Node> Parse(const std::string& path, const std::string& text) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", error.mark.line + 1, ": ", error.msg));
  }
  if (root.IsMap() || root.IsNull()) return root;
  return absl::InvalidArgumentError(absl::StrCat(path, ": expected lines of the form 'option: value'"));
}

}  // namespace

Configuration::Configuration(CLI::App* app) : app_(*app) {
  app_.add_option("--config", file_, "YAML file of options by these names; the environment has them as SEEDCAST_NAME")
      ->configurable(false);
  app_.add_flag("--check-config", check_only_, "say what all options are and where they come from, check them, leave")
      ->configurable(false);
}

absl::Status Configuration::Complete(const char* const* environment) {
  RETURN_IF_ERROR(TakeEnvironment(environment));
  if (file_.empty()) file_ = ValueOf(environment, EnvironmentName("config"));
  return file_.empty() ? absl::OkStatus() : TakeFile();
}

absl::Status Configuration::TakeEnvironment(const char* const* environment) {
  std::vector<std::string> names;
  for (const CLI::Option* option : ConfigurableOptions(app_)) names.push_back(NameOf(option));
  RETURN_IF_ERROR(CheckEnvironmentNames(environment, names));
  for (CLI::Option* option : ConfigurableOptions(app_)) {
    const std::string name = EnvironmentName(NameOf(option));
    if (const std::string value = ValueOf(environment, name); !value.empty()) {
      RETURN_IF_ERROR(Take(option, value, name));
    }
  }
  return absl::OkStatus();
}

absl::Status Configuration::TakeFile() {
  ASSIGN_OR_RETURN(const std::string text, ReadText(file_));
  ASSIGN_OR_RETURN(const YAML::Node root, Parse(file_, text));
  std::map<std::string, CLI::Option*> options;
  std::vector<std::string> names;
  for (CLI::Option* option : ConfigurableOptions(app_)) {
    options[NameOf(option)] = option;
    names.push_back(NameOf(option));
  }
  std::map<std::string, int> seen;  // by name, the line
  for (const auto& entry : root) {
    const int line = entry.first.Mark().line + 1;
    const std::string place = absl::StrCat(file_, ":", line);
    if (!entry.first.IsScalar()) return absl::InvalidArgumentError(absl::StrCat(place, ": expected an option's name"));
    const std::string name = entry.first.Scalar();
    const auto found = options.find(name);
    if (found == options.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": ", absl::CEscape(name), ": unknown option", DidYouMean(name, names)));
    }
    if (const auto [first, is_new] = seen.emplace(name, line); !is_new) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": ", name, ": stands in line ", first->second, " already"));
    }
    if (!entry.second.IsScalar()) {
      return absl::InvalidArgumentError(absl::StrCat(place, ": ", name, ": expected one value"));
    }
    RETURN_IF_ERROR(Take(found->second, entry.second.Scalar(), place));
  }
  return absl::OkStatus();
}

absl::Status Configuration::Take(CLI::Option* option, const std::string& value, const std::string& origin) {
  if (option->count() > 0) return absl::OkStatus();
  try {
    option->add_result(IsFlag(option) ? option->get_flag_value("", value) : value);
    option->run_callback();
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ": ", NameOf(option), ": '", absl::CEscape(value),
                                                   "' cannot be taken: ", OneLine(error.what())));
  }
  origins_[option] = origin;
  return absl::OkStatus();
}

std::string Configuration::Describe() const {
  std::string text;
  for (const CLI::Option* option : ConfigurableOptions(app_)) {
    const auto origin = origins_.find(option);
    const bool set = option->count() > 0;
    const std::string standard = IsFlag(option) ? "false" : option->get_default_str();
    absl::StrAppend(&text, NameOf(option), ": ", set ? absl::StrJoin(option->results(), " ") : standard, "  # ",
                    origin != origins_.end() ? origin->second : (set ? "command line" : "default"), "\n");
  }
  return text;
}

}  // namespace seedcast
