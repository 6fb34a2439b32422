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

// Without zsh and fish, which few machines have, only this one is tried.
TEST_F(CommandTest, BashCompletesJobs) {
  ASSERT_EQ(OnStore({"submit", SphereJob()}).code, kExitOk);
  ASSERT_EQ(OnStore({"submit", SphereJob()}).code, kExitOk);
  const std::string list = OnStore({"list"}).out;
  std::ofstream(Path("list")) << list;
  std::ofstream(Path("script")) << Command({"completion", "bash"}).out;
  // What `seedcast list` prints is given, and what it was asked for is kept.
  std::ofstream(Path("seedcast")) << "#!/bin/sh\necho \"$@\" >> " << Path("calls") << "\ncat " << Path("list") << "\n";
  std::ofstream(Path("check")) << "chmod +x " << Path("seedcast") << "; export PATH=" << folder_.path()
                               << ":$PATH HOME=" << Path("home")
                               << "; unset SEEDCAST_STORE SEEDCAST_COORDINATOR XDG_STATE_HOME\n"
                               << "source " << Path("script") << "\n"
                               << "try() { COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(\"$@\"); "
                                  "COMP_CWORD=$(($# - 1)); COMPREPLY=(); _seedcast; echo \"${COMPREPLY[*]}\"; }\n"
                               << "try seedcast show s\n"  // there is no store
                               << "try seedcast verify --store " << Path("store") << " s\n"
                               << "try seedcast run --store " << Path("store") << " --resume sphere-2\n"
                               << "try seedcast cancel --coordinator host:7070 --insecure sphere-1\n";
  ASSERT_EQ(std::system(("bash " + Path("check") + " > " + Path("out") + " 2>&1").c_str()), 0);
  EXPECT_EQ(ReadText(Path("out")), "\nsphere-1 sphere-2\nsphere-2\nsphere-1\n");
  const std::string at_store = "list --store " + Path("store") + "\n";
  EXPECT_EQ(ReadText(Path("calls")), at_store + at_store + "list --coordinator host:7070 --insecure\n");
  EXPECT_FALSE(std::filesystem::exists(Path("home")));
}

TEST(ManPagesTest, EveryCommandHasOne) {
  const std::string list = ReadText(std::string(std::getenv("SEEDCAST_SOURCE_DIR")) + "/cmake/ManPages.cmake");
  for (const auto& [command, flags] : FlagsOfCommands()) EXPECT_THAT(list, ContainsRegex("[ \n]" + command + "[ \n)]"));
}

INSTANTIATE_TEST_SUITE_P(Shells, CompletionTest, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace seedcast
