#include "common/config/configuration.h"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/environment_names.h"
#include "common/config/help.h"
#include "common/status_macros.h"

namespace seedcast {
namespace {

bool IsConfigurable(const CLI::Option* option) { return option->get_configurable() && !option->get_lnames().empty(); }
const std::string& NameOf(const CLI::Option* option) { return option->get_lnames().front(); }
bool IsFlag(const CLI::Option* option) { return option->get_expected_max() == 0; }

std::vector<CLI::Option*> ConfigurableOptions(CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return IsConfigurable(option); });
}

std::optional<std::string> ValueOf(const char* const* environment, const std::string& name) {
  for (; *environment != nullptr; ++environment) {
    if (absl::StartsWith(*environment, name + "=")) return *environment + name.size() + 1;
  }
  return std::nullopt;
}

// As its help says. Where it does not, a variable that is set to nothing is one that was left open.
bool MayBeEmpty(const CLI::Option& option) { return absl::StrContains(option.get_description(), "empty: "); }

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
  if (file.is_open() && file.peek() == EOF && !file.bad()) return "";  // for << that would be a failure
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.fail())
    return absl::InvalidArgumentError(absl::StrCat("config: ", path, ": ", std::strerror(errno)));
  return text.str();
}

absl::StatusOr<YAML::Node> Parse(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(path));
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

Configuration::Configuration(CLI::App* app, OtherParts other_parts) : app_(*app), other_parts_(other_parts) {
  app_.add_option("--config", file_, "YAML file of options by these names; the environment has them as SEEDCAST_NAME")
      ->type_name("FILE")
      ->configurable(false);
  app_.add_flag("--check-config", check_only_, "Say what all options are and where they come from, check them, leave")
      ->configurable(false);
}

std::vector<absl::Status> Configuration::Complete(const char* const* environment) {
  TakeEnvironment(environment);
  if (file_.empty()) file_ = ValueOf(environment, EnvironmentName("config")).value_or("");
  if (!file_.empty()) TakeFile();
  return problems_;
}

void Configuration::TakeEnvironment(const char* const* environment) {
  std::vector<std::string> names;
  for (const CLI::Option* option : ConfigurableOptions(app_)) names.push_back(NameOf(option));
  problems_ = CheckEnvironmentNames(environment, names);
  for (CLI::Option* option : ConfigurableOptions(app_)) {
    const std::string name = EnvironmentName(NameOf(option));
    const std::optional<std::string> value = ValueOf(environment, name);
    if (value && (!value->empty() || MayBeEmpty(*option))) Take(option, *value, name);
  }
}

void Configuration::TakeFile() {
  const absl::StatusOr<YAML::Node> root = Parse(file_);
  if (!root.ok()) return problems_.push_back(root.status());
  std::map<std::string, int> seen;  // by name, the line
  for (const auto& entry : *root) {
    const int line = entry.first.Mark().line + 1;
    const std::string place = absl::StrCat(file_, ":", line);
    if (!entry.first.IsScalar()) {
      Wrong(absl::StrCat(place, ": expected an option's name"));
      continue;
    }
    const std::string& name = entry.first.Scalar();
    if (const auto [first, is_new] = seen.emplace(name, line); !is_new) {
      Wrong(absl::StrCat(place, ": ", absl::CEscape(name), ": stands in line ", first->second, " already"));
    } else if (!entry.second.IsScalar()) {
      Wrong(absl::StrCat(place, ": ", absl::CEscape(name), ": expected one value"));
    } else {
      TakeEntry(name, entry.second.Scalar(), place);
    }
  }
}

void Configuration::TakeEntry(const std::string& name, const std::string& value, const std::string& place) {
  std::vector<std::string> names;
  for (CLI::Option* option : ConfigurableOptions(app_)) {
    if (NameOf(option) == name) return Take(option, value, place);
    names.push_back(NameOf(option));
  }
  if (other_parts_ == OtherParts::kLetPass && IsOptionOfSomePart(name)) return;
  Wrong(absl::StrCat(place, ": ", absl::CEscape(name), ": unknown option", DidYouMean(name, names)));
}

bool Configuration::ExcludedByHand(const CLI::Option* option) const {
  for (const CLI::Option* other : option->get_excludes()) {
    if (other->count() > 0 && origins_.find(other) == origins_.end()) return true;
  }
  return false;
}

void Configuration::Take(CLI::Option* option, const std::string& value, const std::string& origin) {
  if (option->count() > 0 || ExcludedByHand(option)) return;
  try {
    option->add_result(IsFlag(option) ? option->get_flag_value("", value) : value);
    option->run_callback();
    origins_[option] = origin;
  } catch (const CLI::ConversionError&) {
    Refuse(option, value, origin, absl::StrCat("', expected ", ExpectedOf(*option)));
  } catch (const std::exception& error) {
    Refuse(option, value, origin, absl::StrCat("' cannot be taken: ", OneLine(error.what())));
  }
}

void Configuration::Refuse(CLI::Option* option, const std::string& value, const std::string& origin,
                           const std::string& why) {
  option->clear();
  if (!option->get_default_str().empty()) option->default_val(option->get_default_str());  // it may be set halfway
  Wrong(absl::StrCat(origin, ": ", NameOf(option), ": '", absl::CEscape(value), why));
}

std::string Configuration::OriginOf(const CLI::Option* option) const {
  const auto origin = origins_.find(option);
  if (origin != origins_.end()) return origin->second;
  return option->count() > 0 ? "command line" : "default";
}

std::string Configuration::Describe() const {
  std::string text;
  for (const CLI::Option* option : ConfigurableOptions(app_)) {
    const std::string standard = IsFlag(option) ? "false" : option->get_default_str();
    absl::StrAppend(&text, NameOf(option), ": ", option->count() > 0 ? absl::StrJoin(option->results(), " ") : standard,
                    "  # ", OriginOf(option), "\n");
  }
  return text;
}

std::string Configuration::WithOrigin(absl::string_view message) const {
  const absl::string_view name = message.substr(0, message.find(':'));
  for (const CLI::Option* option : ConfigurableOptions(app_)) {
    const bool has_value = option->count() > 0 || !option->get_default_str().empty();
    if (NameOf(option) != name || !has_value) continue;
    const bool in_a_place = origins_.find(option) != origins_.end();
    return absl::StrCat(message, " (from ", in_a_place ? "" : "the ", OriginOf(option), ")");
  }
  return std::string(message);
}

}  // namespace seedcast
