#include "common/config/help.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace seedcast {
namespace {

// CLI11 says "INT:INT in [1 - 4096]" of an integer with a range.
struct ValueKind {
  std::string name;   // "INT"
  std::string range;  // "1 - 4096", or the words that there are; empty when there is none
};

ValueKind KindOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t colon = type.find(':');
  if (colon == std::string::npos || absl::StartsWith(type, "[")) return {type, ""};
  const std::string name = type.substr(0, colon), check = type.substr(colon + 1);
  if (check == "POSITIVE") return {name, "at least 1"};
  if (check == "NONNEGATIVE") return {name, "at least 0"};
  if (absl::StartsWith(check, "{"))
    return {name, absl::StrReplaceAll(check.substr(1, check.size() - 2), {{",", ", "}})};
  const size_t begin = check.find(" in [");
  if (begin == std::string::npos) return {name, ""};
  return {name, check.substr(begin + 5, check.size() - begin - 6)};
}

class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0 || option->get_positional()) return "";
    return " " + KindOf(*option).name;
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string& description = option->get_description();
    std::vector<std::string> more;
    if (option->get_required() && !option->get_positional()) more.emplace_back("required");
    const std::string range = KindOf(*option).range;
    if (!range.empty() && !option->get_positional()) more.push_back(range);
    if (!option->get_default_str().empty() && !absl::StrContains(description, "default")) {
      more.push_back(absl::StrCat("default ", option->get_default_str()));
    }
    return more.empty() ? description : absl::StrCat(description, " [", absl::StrJoin(more, ", "), "]");
  }
};

// The option of a command line whose value could not be converted; CLI11 says no more of it than its name, within a
// sentence. Null for other errors.
const CLI::Option* OptionOf(const CLI::App& app, absl::string_view message) {
  if (!absl::ConsumePrefix(&message, "Could not convert: ")) return nullptr;
  const std::string name(message.substr(0, message.find(" = ")));
  if (const CLI::Option* option = app.get_option_no_throw(name); option != nullptr) return option;
  for (const CLI::App* command : app.get_subcommands()) {
    if (const CLI::Option* option = OptionOf(*command, absl::StrCat("Could not convert: ", name))) return option;
  }
  return nullptr;
}

// Of the error it is the text that counts.
std::string FailureMessage(const CLI::App* app, const CLI::Error& error) {
  return CLI::FailureMessage::simple(app, CLI::ConversionError(WhatIsWrong(*app, error)));
}

}  // namespace

std::string ExpectedOf(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return "true or false";
  const std::string name = KindOf(option).name;
  if (name == "INT" || name == "UINT") return "a whole number";
  return name == "SECONDS" ? "a number of seconds" : "a number";
}

std::string WhatIsWrong(const CLI::App& app, const CLI::Error& error) {
  const CLI::Option* const option = OptionOf(app, error.what());
  if (option == nullptr) return error.what();
  const std::string value = absl::StrJoin(option->results(), " ");
  return absl::StrCat(option->get_name(), ": '", absl::CEscape(value), "', expected ", ExpectedOf(*option));
}

void UseHelpStyle(CLI::App* app) {
  app->formatter(std::make_shared<HelpFormatter>());
  app->failure_message(FailureMessage);
  app->set_help_flag("-h,--help", "Print this help and exit");
}

}  // namespace seedcast
