// The options of a process under one name each in three places; the first that has one wins:
//
//   --lease-ttl 10            on the command line
//   SEEDCAST_LEASE_TTL=10     in the environment; an empty value counts as none, but for options whose help says what
//                             empty means ("empty: nowhere")
//   lease-ttl: 10             in the YAML file that --config or SEEDCAST_CONFIG names
//
// Secrets never stand in any of them: what is secret is the content of a file that an option names.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace seedcast {

class Configuration {
 public:
  // What becomes of names in the file that this program has not, but another part of seedcast has. In the environment
  // they are always let pass.
  enum class OtherParts { kRefused, kLetPass };

  // Adds --config and --check-config to `app`, which it borrows. Options that are not configurable() are the command
  // line's alone.
  explicit Configuration(CLI::App* app, OtherParts other_parts = OtherParts::kRefused);

  // After app.parse(): gives the options that the command line left alone what environment and file say. Returns all
  // that is wrong; each is INVALID_ARGUMENT and names the place ("coordinator.yaml:3", "SEEDCAST_LEASE_TTL"), the
  // option and what is wrong. `environment` is as main()'s third argument.
  std::vector<absl::Status> Complete(const char* const* environment);

  // --check-config: say what holds, and leave.
  bool check_only() const { return check_only_; }
  // Every option with its value and where it comes from, a line each, as a YAML file could say it.
  std::string Describe() const;
  // Of a message that begins with an option's name ("listen: ...", "lease-ttl: ..."): with where its value comes from
  // (" (from SEEDCAST_LISTEN)") behind it. Other messages as they are.
  std::string WithOrigin(absl::string_view message) const;

 private:
  void TakeEnvironment(const char* const* environment);
  void TakeFile();
  void TakeEntry(const std::string& name, const std::string& value, const std::string& place);
  // An option of the command line wins over those that it excludes, too.
  bool ExcludedByHand(const CLI::Option* option) const;
  void Take(CLI::Option* option, const std::string& value, const std::string& origin);
  void Refuse(CLI::Option* option, const std::string& value, const std::string& origin, const std::string& why);
  void Wrong(const std::string& message) { problems_.push_back(absl::InvalidArgumentError(message)); }
  std::string OriginOf(const CLI::Option* option) const;

  CLI::App& app_;
  const OtherParts other_parts_;
  std::vector<absl::Status> problems_;
  std::string file_;
  bool check_only_ = false;
  std::map<const CLI::Option*, std::string> origins_;  // of those that are not the command line's
};

}  // namespace seedcast
