// The options of a process under one name each in three places; the first that has one wins:
//
//   --lease-ttl 10            on the command line
//   SEEDCAST_LEASE_TTL=10     in the environment; an empty value counts as none
//   lease-ttl: 10             in the YAML file that --config or SEEDCAST_CONFIG names
//
// Secrets never stand in any of them: what is secret is the content of a file that an option names.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace seedcast {

class Configuration {
 public:
  // Adds --config and --check-config to `app`, which it borrows. Options that are not configurable() are the command
  // line's alone.
  explicit Configuration(CLI::App* app);

  // After app.parse(): gives the options that the command line left alone what environment and file say.
  // INVALID_ARGUMENT names the place ("coordinator.yaml:3", "SEEDCAST_LEASE_TTL"), the option and what is wrong.
  // `environment` is as main()'s third argument.
  absl::Status Complete(const char* const* environment);

  // --check-config: say what holds, and leave.
  bool check_only() const { return check_only_; }
  // Every option with its value and where it comes from, a line each, as a YAML file could say it.
  std::string Describe() const;

 private:
  absl::Status TakeEnvironment(const char* const* environment);
  absl::Status TakeFile();
  absl::Status Take(CLI::Option* option, const std::string& value, const std::string& origin);

  CLI::App& app_;
  std::string file_;
  bool check_only_ = false;
  std::map<const CLI::Option*, std::string> origins_;  // of those that are not the command line's
};

}  // namespace seedcast
