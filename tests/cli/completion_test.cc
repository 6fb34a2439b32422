// The completion scripts are written by hand; this keeps them in step with the commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>

#include "cli/commands.h"
#include "tests/cli/command_fixture.h"

namespace seedcast {
namespace {

using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class CompletionTest : public CommandTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(CompletionTest, KnowsEveryCommandAndFlag) {
  const std::string script = Command({"completion", GetParam()}).out;
  Console console{std::cout, std::cerr};
  Action action;
  CLI::App app;
  const char* const environment[] = {nullptr};
  AddAllCommands(app, environment, console, &action);
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    EXPECT_THAT(script, HasSubstr(command->get_name()));
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        EXPECT_THAT(script, AnyOf(HasSubstr("--" + name), HasSubstr("-l " + name))) << command->get_name();
      }
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
  std::ostringstream out;
  out << std::ifstream(Path("out")).rdbuf();
  EXPECT_EQ(out.str(), "verify version\n--test-episodes\na.yaml\ntrain test\n");
}

TEST(ManPagesTest, EveryCommandHasOne) {
  std::ostringstream list;
  list << std::ifstream(std::string(std::getenv("SEEDCAST_SOURCE_DIR")) + "/cmake/ManPages.cmake").rdbuf();
  Console console{std::cout, std::cerr};
  Action action;
  CLI::App app;
  const char* const environment[] = {nullptr};
  AddAllCommands(app, environment, console, &action);
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    EXPECT_THAT(list.str(), ContainsRegex("[ \n]" + command->get_name() + "[ \n)]"));
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, CompletionTest, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace seedcast
