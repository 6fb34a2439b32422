// seedcast-worker: binds options to WorkerOptions, runs a Worker until it is drained.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/config/configuration.h"
#include "common/config/help.h"
#include "common/config/process_options.h"
#include "common/control_group.h"
#include "common/directory.h"
#include "common/grpc_log.h"
#include "common/host_port.h"
#include "common/http/health_check.h"
#include "common/http/http_address.h"
#include "common/log.h"
#include "common/loopback.h"
#include "common/noise/noise.h"
#include "common/signals.h"
#include "common/status_macros.h"
#include "worker/kernels/convnet.h"
#include "worker/metrics/worker_http.h"
#include "worker/runtime/grpc_transport.h"
#include "worker/runtime/worker.h"

extern char** environ;

namespace seedcast {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;
constexpr int kRefused = 3;
constexpr absl::Duration kHealthPatience = absl::Seconds(5);

constexpr char kFooter[] =
    R"(Each option is also SEEDCAST_NAME in the environment and 'name: value' in the file that --config names; the command
line wins over the environment, that over the file. An empty variable counts as none, but where empty has a meaning
above.

Examples:
  seedcast-worker
  seedcast-worker --coordinator 10.0.0.7:7070 --slots 16
  SEEDCAST_COORDINATOR=coordinator:7070 seedcast-worker --id gpu-3
  seedcast-worker --coordinator host:7070 --tls-cert tls.crt --tls-key tls.key --tls-ca ca.crt

A worker that loses its coordinator keeps trying to reach it. SIGTERM or SIGINT: the leases in hand are finished and
handed in, then it leaves; a second one: at once.

--check-config also tries what it can without connecting: certificates, the address of --http, the cache directory.

Exit codes: 0 drained, or healthy, or all is right; 1 failure, or stopped at once; 2 usage; 3 refused by the
coordinator.)";

// One drain request a signal, until nobody is to wait any more.
void ForwardSignals(Worker* worker) {
  while (WaitForSignal()) worker->RequestDrain();
}

std::string DefaultId() {
  char host[256] = "worker";
  gethostname(host, sizeof host - 1);
  return absl::StrCat(host, "-", getpid());
}

bool UseKernels(const std::string& name) { return SetNoiseIsa(name.c_str()) && UseF32Kernels(name); }

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  LogError("stopped", {{"status", std::string(absl::StatusCodeToString(status.code()))},
                       {"reason", std::string(status.message())}});
  return absl::IsCancelled(status) ? kFailure : kRefused;
}

// What the options become before they are WorkerOptions.
struct Options {
  std::string coordinator = "127.0.0.1:7070";
  std::string kernels;
  TlsFiles tls;
  LogOptions log;
  HttpAddress http{.address = "127.0.0.1:7072"};
  bool insecure = false;
  CLI::Option* health_check = nullptr;  // asked for when it has a count
  std::string health_check_address;
  WorkerOptions worker;
};

void AddOptions(CLI::App& app, Options* options) {
  WorkerOptions& worker = options->worker;
  worker.id = DefaultId();
  worker.slots = UsableCores();
  UseHelpStyle(&app);
  app.add_option("--coordinator", options->coordinator, "host:port of the coordinator to work for")
      ->type_name("ADDR")
      ->capture_default_str();
  app.add_option("--slots", worker.slots,
                 "Threads that evaluate, 1 .. 4096; default one a core, or as many as a CPU quota feeds")
      ->capture_default_str();
  app.add_option("--id", worker.id, "Name, unique among the coordinator's workers; default host-pid")
      ->type_name("NAME");
  app.add_option("--cache", worker.cache_directory,
                 "Directory of data sets fetched from the coordinator; default the user's cache directory")
      ->type_name("DIR");
  app.add_option("--inner-state-mb", worker.inner_state_mb,
                 "MiB for inner trainings that are carried from generation to generation")
      ->capture_default_str();
  app.add_option("--kernels", options->kernels,
                 "avx512, avx2 or scalar; default the best that this machine has. All give the same bits")
      ->type_name("WORD");
  app.add_option("--http", options->http.address,
                 "host:port that serves metrics and health in plain text; empty: nowhere")
      ->type_name("ADDR")
      ->capture_default_str();
  app.add_flag("--insecure", options->insecure,
               "Trust the network: --coordinator in plain text, and --http where others can reach it");
  options->health_check = app.add_option("--healthcheck", options->health_check_address,
                                         "Ask the worker that serves HTTP there, or with these options, whether it is "
                                         "connected, and leave with 0 if so")
                              ->expected(0, 1)
                              ->type_name("[ADDR]")
                              ->configurable(false);
  AddTlsOptions(&app, &options->tls);
  AddLogOptions(&app, &options->log);
  app.set_version_flag("--version", "seedcast-worker " SEEDCAST_VERSION, "Print the version and exit");
  app.footer(kFooter);
}

absl::Status Finish(const Options& options) {
  options.log.Apply();
  if (const absl::Status target = CheckTarget(options.coordinator); !target.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("coordinator: ", target.message()));
  }
  RETURN_IF_ERROR(CheckPlainText(options.coordinator, options.tls.configured(), options.insecure));
  RETURN_IF_ERROR(options.worker.Validate());
  RETURN_IF_ERROR(CheckHttpAddress(options.http, options.tls.configured(), options.insecure));
  if (options.tls.configured()) {
    // A coordinator would refuse one of another role, each time that a service manager starts it again.
    RETURN_IF_ERROR(CheckTlsFilesOf(Role::kWorker, options.tls, TlsSide::kClient, absl::Now()));
  }
  if (options.kernels.empty() || UseKernels(options.kernels)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("kernels: '", options.kernels, "', expected what this machine has: avx512, avx2 or scalar"));
}

int Serve(const Options& options, const Configuration& configuration) {
  RouteGrpcLog(GrpcErrors::kDebug);
  IgnoreBrokenPipes();
  if (!CatchSignals(/*exit_code_of_second=*/std::nullopt)) {
    LogError("cannot catch signals");
    return kFailure;
  }
  LogInfo("starting", {{"worker", options.worker.id},
                       {"coordinator", options.coordinator},
                       {"tls", options.tls.configured() ? "on" : "off"},
                       {"slots", absl::StrCat(options.worker.slots)}});
  TransferredBytes bytes;
  Worker worker(options.worker,
                MakeGrpcTransport(MakeChannel(options.coordinator, ChannelUse::kControl, options.tls),
                                  MakeChannel(options.coordinator, ChannelUse::kBulk, options.tls),
                                  {.bytes = &bytes, .coordinator = options.coordinator, .tls = options.tls}));
  HttpServer http;
  AddWorkerPages(&worker, &bytes, options.tls, absl::Now(), &http);
  if (const absl::Status status = StartHttp(options.http, &http); !status.ok()) {
    LogError("cannot start", {{"reason", configuration.WithOrigin(status.message())}});
    return kFailure;
  }
  worker.Start();
  std::thread signals(ForwardSignals, &worker);
  const absl::Status status = worker.Join();
  EndWaitingForSignals();
  signals.join();
  return ExitCode(status);
}

void PrintError(absl::string_view message) {
  std::fprintf(stderr, "seedcast-worker: %s\n", std::string(message).c_str());
}

// What would keep it from working, found without connecting. Each begins with the option's name.
std::vector<std::string> FindProblems(const Options& options) {
  std::vector<std::string> problems;
  if (const std::string& cache = options.worker.cache_directory; !cache.empty()) {
    if (const absl::Status status = CheckWritable(cache); !status.ok()) {
      problems.push_back(absl::StrCat("cache: ", status.message()));
    }
  }
  HttpServer http;
  if (const absl::Status status = StartHttp(options.http, &http); !status.ok()) {
    problems.emplace_back(status.message());
  }
  return problems;
}

int CheckConfig(const Options& options, const Configuration& configuration) {
  std::fputs(configuration.Describe().c_str(), stdout);
  const std::vector<std::string> problems = FindProblems(options);
  for (const std::string& problem : problems) PrintError(configuration.WithOrigin(problem));
  return problems.empty() ? 0 : kFailure;
}

int CheckHealth(const Options& options) {
  const std::string address =
      options.health_check_address.empty() ? options.http.address : options.health_check_address;
  const absl::Status status = CheckHealthAt(address, kHealthPatience);
  if (status.ok()) return 0;
  PrintError(absl::StrCat(address, ": ", status.message()));
  return kFailure;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Evaluates what a coordinator leases to it. Workers keep nothing that cannot be made again: start and stop as "
      "many\n"
      "as you like, at any moment.",
      "seedcast-worker");
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
  options.http.asked_for = app.get_option("--http")->count() > 0;
  if (const absl::Status valid = Finish(options); !valid.ok()) {
    PrintError(configuration.WithOrigin(valid.message()));
    return kUsage;
  }
  if (configuration.check_only()) return CheckConfig(options, configuration);
  return options.health_check->count() > 0 ? CheckHealth(options) : Serve(options, configuration);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) { return seedcast::Main(argc, argv); }
