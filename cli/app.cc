#include "cli/app.h"

#include "absl/strings/match.h"
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

int RunApp(const std::vector<std::string>& arguments, const char* const* environment, Console& console) {
  CLI::App app("", "seedcast");
  Action action;
  AddAllCommands(app, environment, console, &action);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, console.out, console.err) == 0 ? kExitOk : kExitUsage;  // 0: --help
  }
  const absl::Status status = action();
  console.out.flush();
  const int code = ExitCodeOf(status);
  // A call that was cut short says no more than that, where the command itself had nothing to add.
  const bool bare = code == kExitInterrupted && !absl::StartsWith(status.message(), "interrupted");
  if (!status.ok()) console.err << "seedcast: " << (bare ? "interrupted" : Printable(status.message())) << std::endl;
  return code;
}

}  // namespace seedcast
