// The subcommands of `seedcast`. Each Add function registers some with their flags; when one of them is parsed, what is
// to be done is left in *action.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/console.h"
#include "cli/session.h"

namespace seedcast {

using Action = std::function<absl::Status()>;

void AddRunCommand(CLI::App& app, Console& console, Action* action);
void AddJobCommands(CLI::App& app, Console& console, Action* action);    // submit, list, show, watch, pause, ...
void AddModelCommands(CLI::App& app, Console& console, Action* action);  // evaluate, compare, export, verify
void AddClusterCommand(CLI::App& app, Console& console, Action* action);
void AddCertsCommand(CLI::App& app, Console& console, Action* action);
void AddDoctorCommand(CLI::App& app, const char* const* environment, Console& console, Action* action);
void AddShellCommands(CLI::App& app, Console& console, Action* action);  // completion, version

// All of them, with the help text and the exit codes. Commands with options that are configurable() take these also
// from `environment` and the file of --config (common/config/configuration.h), before *action is run.
void AddAllCommands(CLI::App& app, const char* const* environment, Console& console, Action* action);

// Flags that commands have in common.
struct ConnectionFlags {
  std::string coordinator;
  std::string store;
  std::string data;
  TlsFiles tls;
  bool insecure = false;
  bool json = false;
  bool verbose = false;

  // Sets the log's level, too. `console` gets what the session has to say while it reads data; it outlives the session.
  SessionOptions Resolve(Console& console) const;
  // How to train a job of the store: "seedcast run --resume JOB --store DIR".
  std::string ResumeCommand(const std::string& job_id) const;
};
void AddOutputFlags(CLI::App& command, ConnectionFlags* flags);       // --json, --verbose
void AddStoreFlags(CLI::App& command, ConnectionFlags* flags);        // --store, --data
void AddCoordinatorFlags(CLI::App& command, ConnectionFlags* flags);  // --coordinator, --tls-..., --insecure
// All of them; --coordinator and --store exclude each other.
void AddConnectionFlags(CLI::App& command, ConnectionFlags* flags);

// Shared pieces of commands.

// Shows a live progress line until the job has ended; returns the last status. CANCELLED on an interrupt.
absl::StatusOr<v1::JobStatus> Follow(Client& client, const std::string& job_id, Console& console);
// OK for SUCCEEDED, else an error that says how the job ended.
absl::Status OutcomeOf(const v1::JobStatus& status);
// Runs an evaluation on the workers with a progress line that begins with `label`.
absl::StatusOr<v1::EvaluationResult> EvaluateWithProgress(Client& client, const v1::EvaluateJobRequest& request,
                                                          const std::string& label, Console& console);
int DefaultSlots();  // UsableCores()

}  // namespace seedcast
