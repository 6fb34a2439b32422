// seedcast-coordinator: binds options to ServerOptions, runs a CoordinatorServer until a signal.
#include <grpcpp/create_channel.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config/configuration.h"
#include "common/config/help.h"
#include "common/config/process_options.h"
#include "common/grpc_log.h"
#include "common/http/health_check.h"
#include "common/log.h"
#include "common/signals.h"
#include "common/status_macros.h"
#include "common/tls/credentials.h"
#include "coordinator/rpc/front.h"
#include "coordinator/rpc/health_client.h"
#include "coordinator/server.h"
#include "coordinator/start_check.h"

extern char** environ;

namespace seedcast {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;
// Leases are sized to half a second of work; a worker that needs longer loses no more than its leases.
constexpr absl::Duration kGrace = absl::Seconds(10);
constexpr absl::Duration kHealthPatience = absl::Seconds(5);

constexpr char kFooter[] =
    R"(Each option is also SEEDCAST_NAME in the environment and 'name: value' in the file that --config names; the command
line wins over the environment, that over the file. An empty variable counts as none, but where empty has a meaning
above. Certificates are made by 'seedcast certs'.

Examples:
  seedcast-coordinator
  seedcast-coordinator --listen 127.0.0.1:0 --store /var/lib/seedcast
  seedcast-coordinator --config /etc/seedcast/coordinator.yaml --check-config
  seedcast-coordinator --listen 0.0.0.0:7070 --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt
  seedcast-coordinator --listen 0.0.0.0:7070 --insecure     in a network that you trust

--check-config also tries what it can without serving: certificates, addresses, directories, the store.

Exit codes: 0 stopped by a signal, with everything saved, or healthy, or all is right; 1 failure; 2 usage. A second
signal ends it at once; also then nothing that was acknowledged is lost.)";

std::string DefaultStoreDirectory() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return absl::StrCat(state, "/seedcast");
  }
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/.local/state/seedcast");
}

// What the options become before they are ServerOptions.
struct Options {
  ServerOptions server;
  LogOptions log;
  double lease_ttl_seconds = absl::ToDoubleSeconds(server.lease_ttl);
  double connection_idle_seconds = 300;
  double connection_age_seconds = 6 * 3600;
  CLI::Option* health_check = nullptr;  // asked for when it has a count
  std::string health_check_address;
};

void AddOptions(CLI::App& app, Options* options) {
  ServerOptions& server = options->server;
  server.address = "127.0.0.1:7070";
  server.store_directory = DefaultStoreDirectory();
  UseHelpStyle(&app);
  app.add_option("--listen", server.address,
                 "host:port where workers and clients connect; port 0 takes a free one. Other than loopback it takes "
                 "certificates, or --insecure")
      ->type_name("ADDR")
      ->capture_default_str();
  app.add_option("--store", server.store_directory,
                 "Directory of the jobs' database; default $XDG_STATE_HOME/seedcast or ~/.local/state/seedcast")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--data", server.data_directory,
                 "Directory that holds the Omniglot zips; default ./data, then the cache directory, then a download")
      ->type_name("DIR");
  app.add_option("--cache", server.cache_directory,
                 "Directory of downloaded and decoded data sets; default the user's cache directory")
      ->type_name("DIR");
  app.add_option("--lease-ttl", options->lease_ttl_seconds, "Silence after which a worker loses its leases, 1 .. 3600")
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option("--update-threads", server.update_threads, "Threads for the update of a large model, 1 .. 1024")
      ->capture_default_str();
  AddTlsOptions(&app, &server.tls);
  app.add_flag("--insecure", server.insecure, "Allow addresses that others can reach in plain text");
  app.add_option("--health-listen", server.health_address,
                 "host:port that answers gRPC health probes in plain text, and nothing else; empty: nowhere")
      ->type_name("ADDR");
  server.http.address = "127.0.0.1:7071";
  app.add_option("--http", server.http.address,
                 "host:port that serves metrics, health and status page in plain text; empty: nowhere")
      ->type_name("ADDR")
      ->capture_default_str();
  app.add_option(
         "--https", server.https_address,
         "host:port that serves the same over mutual TLS, where roles may do what they may over gRPC; empty: nowhere")
      ->type_name("ADDR");
  app.add_option("--connection-idle", options->connection_idle_seconds,
                 "Close a connection after so long without calls, 1 .. 2073600")
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_option("--connection-age", options->connection_age_seconds,
                 "Close any connection after so long, 1 .. 2073600; peers come back on a new one")
      ->type_name("SECONDS")
      ->capture_default_str();
  app.add_flag("--reflection", server.reflection,
               "Answer gRPC server reflection, for grpcurl and the like; with TLS to the role admin only");
  AddLogOptions(&app, &options->log);
  options->health_check = app.add_option("--healthcheck", options->health_check_address,
                                         "Ask the coordinator that serves HTTP there, or with these options, for its "
                                         "health, and leave with 0 if it is well")
                              ->expected(0, 1)
                              ->type_name("[ADDR]")
                              ->configurable(false);
  app.set_version_flag("--version", "seedcast-coordinator " SEEDCAST_VERSION, "Print the version and exit");
  app.footer(kFooter);
}

// Infinity, which absl also makes of nan, is for a server inside another program.
absl::Status ToDuration(const char* option, double seconds, absl::Duration* duration) {
  *duration = absl::Seconds(seconds);
  if (*duration < absl::InfiniteDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", seconds, ", expected a finite number of seconds"));
}

absl::Status Finish(Options* options) {
  ServerOptions& server = options->server;
  RETURN_IF_ERROR(ToDuration("lease-ttl", options->lease_ttl_seconds, &server.lease_ttl));
  RETURN_IF_ERROR(ToDuration("connection-idle", options->connection_idle_seconds, &server.connection_idle));
  RETURN_IF_ERROR(ToDuration("connection-age", options->connection_age_seconds, &server.connection_age));
  options->log.Apply();
  return options->server.Validate();
}

// A worker is a connection, and a connection a file descriptor.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string WithPort(const std::string& address, int port) {
  return port == 0 ? address : absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

int Serve(const ServerOptions& options, const Configuration& configuration) {
  RaiseDescriptorLimit();
  RouteGrpcLog(GrpcErrors::kWarning);
  IgnoreBrokenPipes();
  if (!CatchSignals(/*exit_code_of_second=*/kFailure)) {
    LogError("cannot catch signals");
    return kFailure;
  }
  absl::StatusOr<std::unique_ptr<CoordinatorServer>> server = CoordinatorServer::Start(options);
  if (!server.ok()) {
    LogError("cannot start", {{"status", std::string(absl::StatusCodeToString(server.status().code()))},
                              {"reason", configuration.WithOrigin(server.status().message())}});
    return kFailure;
  }
  LogInfo("serving", {{"address", WithPort(options.address, (*server)->port())},
                      {"tls", options.tls.configured() ? "on" : "off"},
                      {"health", WithPort(options.health_address, (*server)->health_port())},
                      {"http", WithPort(options.http.address, (*server)->http_port())},
                      {"https", WithPort(options.https_address, (*server)->https_port())},
                      {"store", options.store_directory},
                      {"jobs", absl::StrCat((*server)->jobs_recovered())}});
  WaitForSignal();
  LogInfo("stopping", {{"grace", absl::FormatDuration(kGrace)}});
  (*server)->Shutdown(kGrace);
  LogInfo("stopped");
  return 0;
}

// Where this machine reaches what listens on `address`.
std::string LocalAddress(const std::string& address) {
  const std::string port = address.substr(std::min(address.size(), address.rfind(':')));
  return absl::StartsWith(address, "0.0.0.0:") || absl::StartsWith(address, "[::]:") ? "127.0.0.1" + port : address;
}

absl::Status AskOverGrpc(const ServerOptions& options, std::string* address) {
  RouteGrpcLog(GrpcErrors::kDebug);
  SetUpGrpc(/*reflection=*/false);
  const bool plain = !options.health_address.empty();
  *address = LocalAddress(plain ? options.health_address : options.address);
  return AskHealth(grpc::CreateChannel(*address, MakeChannelCredentials(plain ? TlsFiles() : options.tls)),
                   kHealthPatience);
}

void PrintError(absl::string_view message) {
  std::fprintf(stderr, "seedcast-coordinator: %s\n", std::string(message).c_str());
}

int CheckHealth(const Options& options) {
  std::string address = options.health_check_address;
  if (address.empty()) address = LocalAddress(options.server.http.address);
  const absl::Status status =
      address.empty() ? AskOverGrpc(options.server, &address) : CheckHealthAt(address, kHealthPatience);
  if (status.ok()) return 0;
  PrintError(absl::StrCat(address, ": ", status.message()));
  return kFailure;
}

int CheckConfig(const ServerOptions& options, const Configuration& configuration) {
  std::fputs(configuration.Describe().c_str(), stdout);
  const StartCheck check = CheckStart(options);
  for (const std::string& remark : check.remarks) std::printf("# %s\n", remark.c_str());
  for (const absl::Status& problem : check.problems) PrintError(configuration.WithOrigin(problem.message()));
  return check.problems.empty() ? 0 : kFailure;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Coordinates training jobs: keeps their logs in a store, leases their work to workers, answers clients. It may "
      "be\n"
      "killed at any moment; started again on the same store, it goes on with all jobs.",
      "seedcast-coordinator");
  Options options;
  AddOptions(app, &options);
  Configuration configuration(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  const std::vector<absl::Status> problems = configuration.Complete(environ);
  for (const absl::Status& problem : problems) PrintError(problem.message());
  if (!problems.empty()) return kUsage;
  options.server.http.asked_for = app.get_option("--http")->count() > 0;
  if (const absl::Status valid = Finish(&options); !valid.ok()) {
    PrintError(configuration.WithOrigin(valid.message()));
    return kUsage;
  }
  if (configuration.check_only()) return CheckConfig(options.server, configuration);
  return options.health_check->count() > 0 ? CheckHealth(options) : Serve(options.server, configuration);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) { return seedcast::Main(argc, argv); }
