#include "cli/app.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/table.h"

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
  return absl::InvalidArgumentError(
      absl::StrCat("unknown command '", arguments[0], "', expected one of ", absl::StrJoin(names, ", ")));
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
    return app.exit(error, console.out, console.err) == 0 ? kExitOk : kExitUsage;  // 0: --help
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
