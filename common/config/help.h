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

// An error of app.parse() in words. CLI11's own say what could not be converted, but not into what.
std::string WhatIsWrong(const CLI::App& app, const CLI::Error& error);

}  // namespace seedcast
