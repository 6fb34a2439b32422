#include "cli/commands.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "common/config/configuration.h"
#include "common/config/environment_names.h"
#include "common/config/help.h"
#include "common/control_group.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "worker/data/locate.h"

namespace seedcast {
namespace {

constexpr const char* kDescription =
    "Trains models with evolution strategies, here or on a cluster.\n"
    "A job is a YAML file; it ends with the same bits wherever it runs.";

constexpr const char* kFooter =
    "Examples:\n"
    "  seedcast run examples/glyphs.yaml            train here, test, write the model\n"
    "  seedcast submit job.yaml --coordinator host:7070 --watch\n"
    "  seedcast show glyphs-1\n"
    "  seedcast verify glyphs-1                     replay the log, compare every digest\n"
    "  seedcast doctor                              look at this machine\n"
    "\n"
    "'seedcast COMMAND --help' tells more of a command.";

constexpr const char* kExitCodes =
    "Exit codes: 0 ok, 1 failed, 2 usage or bad input, 3 coordinator unreachable, 4 verification failed or stored "
    "data\n"
    "damaged, 130 interrupted";

// Options that environment and file may give, too; all others are the command line's alone.
CLI::Option* Configurable(CLI::Option* option) { return option->configurable(true); }

std::vector<const CLI::Option*> ConfigurableOptions(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return option->get_configurable(); });
}

std::string DescribeConfiguration(const CLI::App& command) {
  const auto append_name = [](std::string* text, const CLI::Option* option) {
    absl::StrAppend(text, "--", option->get_lnames().front());
  };
  return absl::StrCat(absl::StrJoin(ConfigurableOptions(command), ", ", append_name),
                      " are also\nSEEDCAST_NAME in the environment (SEEDCAST_DATA) and 'name: value' in the file of "
                      "--config, which may be one for\nother parts of seedcast, too. The command line wins over the "
                      "environment, that over the file.");
}

// Puts what holds for many commands behind what each says of itself.
void CompleteFooters(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    std::vector<std::string> parts;
    if (!command->get_footer().empty()) parts.push_back(command->get_footer());
    if (command->get_option_no_throw("--config") != nullptr) parts.push_back(DescribeConfiguration(*command));
    if (!absl::StrContains(command->get_footer(), "Exit codes")) parts.emplace_back(kExitCodes);
    command->footer(absl::StrJoin(parts, "\n\n"));
  }
  app.footer(absl::StrCat(kFooter, "\n\n", kExitCodes));
}

std::string ValueOf(const CLI::App& command, const std::string& name) {
  const CLI::Option* option = command.get_option_no_throw(name);
  return option == nullptr || option->count() == 0 ? "" : option->as<std::string>();
}

// What can be told of a client's options without connecting.
absl::Status CheckValues(const CLI::App& command) {
  const TlsFiles tls{ValueOf(command, "--tls-cert"), ValueOf(command, "--tls-key"), ValueOf(command, "--tls-ca")};
  if (tls.configured()) RETURN_IF_ERROR(CheckTlsFiles(tls, TlsSide::kClient, absl::Now()).status());
  if (const std::string coordinator = ValueOf(command, "--coordinator"); !coordinator.empty()) {
    RETURN_IF_ERROR(CheckCoordinatorAddress(coordinator));
  }
  if (const std::string data = ValueOf(command, "--data"); !data.empty()) {
    if (const absl::Status found = FindOmniglotZips(data).status(); !found.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("data: ", found.message()));
    }
  }
  return absl::OkStatus();
}

// Prints all problems but the last, which is returned.
absl::Status Report(const std::vector<absl::Status>& problems, Console& console) {
  if (problems.empty()) return absl::OkStatus();
  for (size_t i = 0; i + 1 < problems.size(); ++i) {
    console.err << "seedcast: " << Printable(problems[i].message()) << "\n";
  }
  return problems.back();
}

// The command with what environment and file say, or with --check-config a look at that alone.
absl::Status RunConfigured(const CLI::App& command, Configuration& configuration, const char* const* environment,
                           Console& console, const Action& action) {
  RETURN_IF_ERROR(Report(configuration.Complete(environment), console));
  if (configuration.check_only()) console.out << configuration.Describe();
  const absl::Status status = configuration.check_only() ? CheckValues(command) : action();
  return absl::Status(status.code(), configuration.WithOrigin(status.message()));
}

// Puts RunConfigured around the action of whichever command is parsed. `doctor` has a configuration of its own.
void ConfigureCommands(CLI::App& app, const char* const* environment, Console& console, Action* action) {
  auto configurations = std::make_shared<std::map<const CLI::App*, Configuration>>();
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (ConfigurableOptions(*command).empty() || command->get_option_no_throw("--config") != nullptr) continue;
    configurations->try_emplace(command, command, Configuration::OtherParts::kLetPass);
  }
  app.callback([=, &app, &console] {
    const CLI::App* command = app.get_subcommands().front();
    const auto configuration = configurations->find(command);
    if (command->get_name() == "doctor") return;
    *action = [=, &console, run = *action]() -> absl::Status {
      if (configuration == configurations->end()) {
        RETURN_IF_ERROR(Report(CheckEnvironmentNames(environment, {}), console));
        return run();
      }
      return RunConfigured(*command, configuration->second, environment, console, run);
    };
  });
}

}  // namespace

void AddAllCommands(CLI::App& app, const char* const* environment, Console& console, Action* action) {
  UseHelpStyle(&app);
  app.description(kDescription);
  app.set_version_flag("--version", "seedcast " SEEDCAST_VERSION, "Print the version and exit");
  app.require_subcommand(1);
  app.option_defaults()->configurable(false);
  AddRunCommand(app, console, action);
  AddJobCommands(app, console, action);
  AddModelCommands(app, console, action);
  AddClusterCommand(app, console, action);
  AddCertsCommand(app, console, action);
  AddDoctorCommand(app, environment, console, action);
  AddShellCommands(app, console, action);
  ConfigureCommands(app, environment, console, action);
  CompleteFooters(app);
}

SessionOptions ConnectionFlags::Resolve(Console& console) const {
  SetLogLevel(verbose ? LogLevel::kInfo : LogLevel::kWarning);
  SessionOptions options;
  options.coordinator = coordinator;
  options.tls = tls;
  options.insecure = insecure;
  options.store_directory = store.empty() ? DefaultStoreDirectory() : store;
  options.data_directory = data;
  options.announce = [&console](const std::string& what) { console.err << Printable(what) << "\n" << std::flush; };
  return options;
}

std::string ConnectionFlags::ResumeCommand(const std::string& job_id) const {
  return absl::StrCat("seedcast run --resume ", job_id, store.empty() ? "" : " --store ", store);
}

void AddOutputFlags(CLI::App& command, ConnectionFlags* flags) {
  command.add_flag("--json", flags->json, "Print JSON on standard output, and nothing else there");
  command.add_flag("--verbose,-v", flags->verbose, "Log what the program does on standard error");
}

void AddStoreFlags(CLI::App& command, ConnectionFlags* flags) {
  Configurable(command.add_option("--store", flags->store,
                                  "Directory of the embedded coordinator's store; default $XDG_STATE_HOME/seedcast or "
                                  "~/.local/state/seedcast"))
      ->type_name("DIR");
  Configurable(command.add_option("--data", flags->data,
                                  "Directory that holds the Omniglot zips; default $SEEDCAST_DATA, else ./data, then "
                                  "the cache directory, then a download into that"))
      ->type_name("DIR");
}

void AddCoordinatorFlags(CLI::App& command, ConnectionFlags* flags) {
  Configurable(command.add_option("--coordinator", flags->coordinator, "host:port of a coordinator"))
      ->type_name("ADDR");
  const auto add_file = [&](const char* name, std::string* path, const char* description) {
    Configurable(command.add_option(name, *path, description))->type_name("FILE");
  };
  add_file("--tls-cert", &flags->tls.certificate, "Certificate to show the coordinator, PEM");
  add_file("--tls-key", &flags->tls.key, "The certificate's private key");
  add_file("--tls-ca", &flags->tls.authority, "Authority that the coordinator's certificate must be of");
  Configurable(command.add_flag("--insecure", flags->insecure,
                                "Speak plain text with a coordinator elsewhere: the network is trusted"));
}

void AddConnectionFlags(CLI::App& command, ConnectionFlags* flags) {
  AddCoordinatorFlags(command, flags);
  AddStoreFlags(command, flags);
  AddOutputFlags(command, flags);
  command.get_option("--coordinator")->description("host:port of a coordinator; without, one is embedded on --store");
  command.get_option("--coordinator")->excludes("--store");
}

namespace {

// What begins to wait sends nothing more until that is over: such a line is shown at once. `last_note` is that of the
// line before.
void ShowOrWait(std::vector<ProgressRow> rows, const std::string& note, std::string* last_note,
                ProgressLine* progress) {
  const bool begins_to_wait = !note.empty() && note != *last_note;
  *last_note = note;
  begins_to_wait ? progress->ShowAtOnce(std::move(rows), absl::Now()) : progress->Show(std::move(rows), absl::Now());
}

}  // namespace

absl::StatusOr<v1::JobStatus> Follow(Client& client, const std::string& job_id, Console& console) {
  ProgressLine progress(console);
  std::string note;
  return client.Watch(job_id, [&](const v1::JobStatus& status) {
    ShowOrWait(DescribeProgress(status), status.numeric_class_note() + status.message(), &note, &progress);
  });
}

absl::Status OutcomeOf(const v1::JobStatus& status) {
  switch (status.state()) {
    case v1::FAILED:
      return absl::FailedPreconditionError(absl::StrCat(status.job_id(), " failed: ", status.message()));
    case v1::CANCELLED:
      return absl::FailedPreconditionError(
          absl::StrCat(status.job_id(), " was cancelled at generation ", status.version()));
    default:
      return absl::OkStatus();
  }
}

absl::StatusOr<v1::EvaluationResult> EvaluateWithProgress(Client& client, const v1::EvaluateJobRequest& request,
                                                          const std::string& label, Console& console) {
  ProgressLine progress(console);
  std::string note;
  return client.Evaluate(request, [&](const v1::EvaluateJobProgress& news) {
    std::string episode = absl::StrCat("episode ", news.episodes_done());
    if (request.spec().episodes() > 0) absl::StrAppend(&episode, "/", request.spec().episodes());
    ProgressRow row{{{label}, {episode, ProgressPart::kHowLong}}};
    if (!news.note().empty()) row.parts.push_back({news.note(), ProgressPart::kNote});
    ShowOrWait({row}, news.note(), &note, &progress);
  });
}

int DefaultSlots() { return UsableCores(); }

}  // namespace seedcast
