// The completion scripts are written by hand; this keeps them in step with the commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>

#include "cli/commands.h"
#include "tests/cli/command_fixture.h"
#include "tests/testing/read_text.h"

namespace seedcast {
namespace {

using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// Every command with the long names of its flags.
std::map<std::string, std::vector<std::string>> FlagsOfCommands() {
  Console console{std::cout, std::cerr};
  Action action;
  CLI::App app;
  const char* const environment[] = {nullptr};
  AddAllCommands(app, environment, console, &action);
  std::map<std::string, std::vector<std::string>> flags;
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    std::vector<std::string>& names = flags[command->get_name()];
    for (const CLI::Option* option : command->get_options()) {
      names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
    }
  }
  return flags;
}

class CompletionTest : public CommandTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(CompletionTest, KnowsEveryCommandAndFlag) {
  const std::string script = Command({"completion", GetParam()}).out;
  for (const auto& [command, flags] : FlagsOfCommands()) {
    EXPECT_THAT(script, HasSubstr(command));
    for (const std::string& flag : flags) {
      EXPECT_THAT(script, AnyOf(HasSubstr("--" + flag), HasSubstr("-l " + flag))) << command;
    }
  }
}

TEST_P(CompletionTest, IsLegalInItsShell) {
  if (std::system(("command -v " + GetParam() + " >/dev/null").c_str()) != 0) {
    GTEST_SKIP() << GetParam() << " is not installed";
  }
  std::ofstream(Path("script")) << Command({"completion", GetParam()}).out;
  EXPECT_EQ(std::system((GetParam() + " -n " + Path("script")).c_str()), 0);
}

TEST_F(CommandTest, BashCompletesCommandsFlagsAndFiles) {
  std::ofstream(Path("script")) << Command({"completion", "bash"}).out;
  std::ofstream(Path("check")) << "cd " << folder_.path() << " && touch a.yaml b.txt && source ./script\n"
                               << "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _seedcast; "
                                  "echo \"${COMPREPLY[*]}\"; }\n"
                               << "try seedcast ver\n"
                               << "try seedcast run --te\n"
                               << "try seedcast run a\n"
                               << "try seedcast evaluate x --split t\n";
  ASSERT_EQ(std::system(("bash " + Path("check") + " > " + Path("out")).c_str()), 0);
  EXPECT_EQ(ReadText(Path("out")), "verify version\n--test-episodes\na.yaml\ntrain test\n");
}

TEST(ManPagesTest, EveryCommandHasOne) {
  const std::string list = ReadText(std::string(std::getenv("SEEDCAST_SOURCE_DIR")) + "/cmake/ManPages.cmake");
  for (const auto& [command, flags] : FlagsOfCommands()) EXPECT_THAT(list, ContainsRegex("[ \n]" + command + "[ \n)]"));
}

INSTANTIATE_TEST_SUITE_P(Shells, CompletionTest, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace seedcast
