// How --help reads: an option with the kind of its value, then what it means, with its range and default at the end.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace seedcast {

// For `app` and the subcommands that are added to it from now on. A default is shown unless the description tells of
// one: what depends on the machine would be wrong in a man page.
void UseHelpStyle(CLI::App* app);

// What can be converted to an option's value, in words that follow "expected": "a whole number", "true or false".
std::string ExpectedOf(const CLI::Option& option);

}  // namespace seedcast
