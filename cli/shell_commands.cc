// completion, version.
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/completion/scripts.h"
#include "cli/json.h"
#include "common/version.h"

namespace seedcast {

void AddShellCommands(CLI::App& app, Console& console, Action* action) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  command->footer(
      "Examples:\n"
      "  seedcast completion bash > ~/.local/share/bash-completion/completions/seedcast\n"
      "  seedcast completion zsh > ~/.zfunc/_seedcast\n"
      "  seedcast completion fish > ~/.config/fish/completions/seedcast.fish");
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([=, &console] {
    *action = [=, &console] {
      console.out << (*shell == "bash" ? kBashCompletion : *shell == "zsh" ? kZshCompletion : kFishCompletion);
      return absl::OkStatus();
    };
  });

  const auto flags = std::make_shared<ConnectionFlags>();
  command = app.add_subcommand("version", "Print the versions of program and protocol");
  command->footer("Examples:\n  seedcast version --json");
  AddOutputFlags(*command, flags.get());
  command->callback([=, &console] {
    *action = [=, &console] {
      if (flags->json) {
        console.out << JsonObject().Text("version", SEEDCAST_VERSION).Integer("protocol", kProtocolVersion).str()
                    << "\n";
      } else {
        console.out << "seedcast " << SEEDCAST_VERSION << ", protocol " << kProtocolVersion << "\n";
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace seedcast
