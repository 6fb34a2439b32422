#include "common/config/help.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
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

constexpr size_t kHelpWidth = 80;  // of the narrowest terminal in use
constexpr size_t kNamesWidth = 28;

// Broken at spaces; CLI11 indents what follows a line's end. A word that is too long stands alone.
std::string Wrapped(const std::string& text, size_t width) {
  std::string wrapped;
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      wrapped += '\n';
      column = 0;
    }
    if (column > 0) wrapped += ' ';
    column += (column > 0 ? 1 : 0) + word.size();
    absl::StrAppend(&wrapped, word);
  }
  return wrapped;
}

// Paragraphs are filled; lines that are indented (examples), and headings before them, stay.
std::string Filled(const std::string& text) {
  std::vector<std::string> blocks;
  bool open = false;  // the last block takes more lines
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool stays = line.empty() || absl::StartsWith(line, " ");
    if (!stays && open) {
      absl::StrAppend(&blocks.back(), " ", line);
    } else {
      blocks.emplace_back(line);
    }
    open = !stays && !absl::EndsWith(line, ":");
  }
  for (std::string& block : blocks) {
    if (!absl::StartsWith(block, " ")) block = Wrapped(block, kHelpWidth);
  }
  return absl::StrJoin(blocks, "\n");
}

class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kNamesWidth); }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0 || option->get_positional()) return "";
    return " " + KindOf(*option).name;
  }

  std::string make_description(const CLI::App* app) const override {
    return Filled(CLI::Formatter::make_description(app));
  }
  std::string make_footer(const CLI::App* app) const override { return Filled(CLI::Formatter::make_footer(app)); }

  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream line;
    CLI::detail::format_help(line, command->get_name(), Wrapped(command->get_description(), kHelpWidth - kNamesWidth),
                             kNamesWidth);
    return line.str();
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
    const std::string facts = more.empty() ? "" : absl::StrCat(" [", absl::StrJoin(more, ", "), "]");
    return Wrapped(description + facts, kHelpWidth - kNamesWidth);
  }
};

// Of the program or a command that was asked for; null where none has it.
const CLI::Option* FindOption(const CLI::App& app, const std::string& name) {
  if (const CLI::Option* option = app.get_option_no_throw(name); option != nullptr) return option;
  for (const CLI::App* command : app.get_subcommands()) {
    if (const CLI::Option* option = FindOption(*command, name)) return option;
  }
  return nullptr;
}

// The option of a command line whose value could not be converted; CLI11 says no more of it than its name, within a
// sentence. Null for other errors.
const CLI::Option* OptionOf(const CLI::App& app, absl::string_view message) {
  if (!absl::ConsumePrefix(&message, "Could not convert: ")) return nullptr;
  return FindOption(app, std::string(message.substr(0, message.find(" = "))));
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
