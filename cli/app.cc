#include "cli/app.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "common/config/environment_names.h"
#include "common/config/help.h"

namespace seedcast {

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    case absl::StatusCode::kDataLoss:
      return kExitDamaged;
    case absl::StatusCode::kCancelled:
      return Interrupted() ? kExitInterrupted : kExitFailed;
    default:
      return kExitFailed;
  }
}

namespace {

// CLI11 would only say that a command is missing.
absl::Status CheckCommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || absl::StartsWith(arguments[0], "-")) return absl::OkStatus();
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == arguments[0]) return absl::OkStatus();
    names.push_back(command->get_name());
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown command '", arguments[0], "', expected one of ",
                                                 absl::StrJoin(names, ", "), DidYouMean(arguments[0], names)));
}

// The program or the command that was asked for: whose --help tells more.
const CLI::App& Asked(const CLI::App& app) {
  return app.get_subcommands().empty() ? app : *app.get_subcommands().front();
}

// CLI11 lists what it could not place with the last first, an option behind its value; and where something is missing
// as well, as after a misspelt option that is required, it speaks of that alone.
std::string DescribeExtras(const std::vector<std::string>& extras, const CLI::App& asked) {
  const auto option = std::find_if(extras.begin(), extras.end(),
                                   [](const std::string& extra) { return extra.size() > 1 && extra[0] == '-'; });
  if (option == extras.end()) return absl::StrCat("unexpected argument '", extras.front(), "'");
  const std::string name = option->substr(0, option->find('='));
  std::vector<std::string> names;
  for (const CLI::Option* known : asked.get_options()) {
    for (const std::string& long_name : known->get_lnames()) names.push_back("--" + long_name);
  }
  return absl::StrCat("unknown option '", name, "'", DidYouMean(name, names));
}

// CLI11's error in our words: one line that says where to read more.
std::string Describe(const CLI::ParseError& error, const CLI::App& app) {
  const CLI::App& asked = Asked(app);
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  const int code = error.get_exit_code();
  const bool is_missing = code == static_cast<int>(CLI::ExitCodes::RequiredError);
  const bool is_extra = code == static_cast<int>(CLI::ExitCodes::ExtrasError);
  const std::string what =
      !extras.empty() && (is_missing || is_extra) ? DescribeExtras(extras, asked) : WhatIsWrong(asked, error);
  const std::string command = &asked == &app ? "seedcast" : absl::StrCat("seedcast ", asked.get_name());
  return absl::StrCat(Printable(absl::StripAsciiWhitespace(what)), " (", command, " --help tells more)");
}

// An output that nobody got is no success: the disk may be full.
absl::Status Flush(std::ostream& out) {
  out.flush();
  return out ? absl::OkStatus() : absl::UnknownError("standard output cannot be written");
}

}  // namespace

int RunApp(const std::vector<std::string>& arguments, const char* const* environment, Console& console) {
  CLI::App app("", "seedcast");
  Action action;
  AddAllCommands(app, environment, console, &action);
  if (const absl::Status known = CheckCommand(app, arguments); !known.ok()) {
    console.err << "seedcast: " << Printable(known.message()) << std::endl;
    return kExitUsage;
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, console.out, console.err);  // --help
    console.err << "seedcast: " << Describe(error, app) << std::endl;
    return kExitUsage;
  }
  absl::Status status = action();
  status.Update(Flush(console.out));
  const int code = ExitCodeOf(status);
  // A call that was cut short says no more than that, where the command itself had nothing to add.
  const bool bare = code == kExitInterrupted && !absl::StartsWith(status.message(), "interrupted");
  if (!status.ok()) console.err << "seedcast: " << (bare ? "interrupted" : Printable(status.message())) << std::endl;
  return code;
}

}  // namespace seedcast
