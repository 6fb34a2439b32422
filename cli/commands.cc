#include "cli/commands.h"

#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/progress.h"
#include "common/log.h"

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
    "\n"
    "Exit codes: 0 ok, 1 failed, 2 usage or bad input, 3 coordinator unreachable,\n"
    "  4 verification failed or stored data damaged, 130 interrupted";

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void AddAllCommands(CLI::App& app, Console& console, Action* action) {
  app.description(kDescription);
  app.footer(kFooter);
  app.require_subcommand(1);
  AddRunCommand(app, console, action);
  AddJobCommands(app, console, action);
  AddModelCommands(app, console, action);
  AddClusterCommand(app, console, action);
  AddCertsCommand(app, console, action);
  AddShellCommands(app, console, action);
}

SessionOptions ConnectionFlags::Resolve() const {
  SetLogLevel(verbose ? LogLevel::kInfo : LogLevel::kWarning);
  SessionOptions options;
  options.coordinator = coordinator;
  if (coordinator.empty() && store.empty()) options.coordinator = Environment("SEEDCAST_COORDINATOR");
  options.store_directory = store.empty() ? DefaultStoreDirectory() : store;
  options.tls.certificate = tls.certificate.empty() ? Environment("SEEDCAST_TLS_CERT") : tls.certificate;
  options.tls.key = tls.key.empty() ? Environment("SEEDCAST_TLS_KEY") : tls.key;
  options.tls.authority = tls.authority.empty() ? Environment("SEEDCAST_TLS_CA") : tls.authority;
  options.data_directory = data.empty() ? Environment("SEEDCAST_DATA") : data;
  return options;
}

void AddOutputFlags(CLI::App& command, ConnectionFlags* flags) {
  command.add_flag("--json", flags->json, "Print JSON on standard output, and nothing else there");
  command.add_flag("--verbose,-v", flags->verbose, "Log what the program does on standard error");
}

void AddStoreFlags(CLI::App& command, ConnectionFlags* flags) {
  command.add_option("--store", flags->store,
                     "Directory of the embedded coordinator's store; default " +
                         std::string("$XDG_STATE_HOME or ~/.local/state, /seedcast"));
  command.add_option("--data", flags->data, "Directory with data sets, searched first; default $SEEDCAST_DATA");
}

void AddConnectionFlags(CLI::App& command, ConnectionFlags* flags) {
  command
      .add_option("--coordinator", flags->coordinator,
                  "Address host:port of a coordinator; default $SEEDCAST_COORDINATOR, else one is embedded on --store")
      ->type_name("ADDR");
  command.add_option("--tls-cert", flags->tls.certificate, "Certificate to show it, PEM; default $SEEDCAST_TLS_CERT");
  command.add_option("--tls-key", flags->tls.key, "The certificate's private key; default $SEEDCAST_TLS_KEY");
  command.add_option("--tls-ca", flags->tls.authority,
                     "Authority that its certificate must be of; default $SEEDCAST_TLS_CA");
  AddStoreFlags(command, flags);
  AddOutputFlags(command, flags);
}

absl::StatusOr<v1::JobStatus> Follow(Client& client, const std::string& job_id, Console& console) {
  ProgressLine progress(console);
  return client.Watch(job_id,
                      [&](const v1::JobStatus& status) { progress.Show(DescribeProgress(status), absl::Now()); });
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
  return client.Evaluate(request, [&](int32_t done) {
    const std::string total = request.spec().episodes() > 0 ? absl::StrCat("/", request.spec().episodes()) : "";
    progress.Show(absl::StrCat(label, " · episode ", done, total), absl::Now());
  });
}

int DefaultSlots() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

}  // namespace seedcast
