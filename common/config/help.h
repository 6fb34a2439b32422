// How --help reads: an option with the kind of its value, then what it means, with its range and default at the end.
#pragma once

#include <CLI/CLI.hpp>

namespace seedcast {

// For `app` and the subcommands that are added to it from now on. A default is shown unless the description tells of
// one: what depends on the machine would be wrong in a man page.
void UseHelpStyle(CLI::App* app);

}  // namespace seedcast
