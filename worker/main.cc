// seedcast-worker: binds flags to WorkerOptions, runs a Worker until it is drained.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/noise/noise.h"
#include "worker/kernels/convnet.h"
#include "worker/runtime/grpc_transport.h"
#include "worker/runtime/worker.h"

namespace seedcast {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;
constexpr int kRefused = 3;

constexpr char kFooter[] = R"(Examples:
  seedcast-worker
  seedcast-worker --coordinator 10.0.0.7:7070 --slots 16
  SEEDCAST_COORDINATOR=coordinator:7070 seedcast-worker --id gpu-3

A worker that loses its coordinator keeps trying to reach it. SIGTERM or SIGINT: the leases in hand are finished and
handed in, then it leaves; a second one: at once.

Exit codes: 0 drained; 1 failure, or stopped at once; 2 usage; 3 refused by the coordinator.)";

int signal_pipe[2];

void OnSignal(int) {
  const int saved = errno;
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = write(signal_pipe[1], &byte, 1);
  errno = saved;
}

bool CatchSignals() {
  signal(SIGPIPE, SIG_IGN);  // the end of whoever reads our log is not ours
  if (pipe(signal_pipe) != 0) return false;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  return sigaction(SIGTERM, &action, nullptr) == 0 && sigaction(SIGINT, &action, nullptr) == 0;
}

// One drain request a signal, until the writing end is closed.
void ForwardSignals(Worker* worker) {
  char byte;
  ssize_t count;
  while ((count = read(signal_pipe[0], &byte, 1)) != 0) {
    if (count > 0) worker->RequestDrain();
  }
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

int Serve(const std::string& coordinator, const WorkerOptions& options) {
  if (!CatchSignals()) {
    LogError("cannot catch signals");
    return kFailure;
  }
  LogInfo("starting", {{"worker", options.id}, {"coordinator", coordinator}, {"slots", absl::StrCat(options.slots)}});
  Worker worker(options, MakeGrpcTransport(MakeChannel(coordinator, ChannelUse::kControl),
                                           MakeChannel(coordinator, ChannelUse::kBulk)));
  worker.Start();
  std::thread signals(ForwardSignals, &worker);
  const absl::Status status = worker.Join();
  close(signal_pipe[1]);
  signals.join();
  return ExitCode(status);
}

int Main(int argc, char** argv) {
  CLI::App app("Evaluates what a coordinator leases to it.", "seedcast-worker");
  std::string coordinator = "127.0.0.1:7070";
  std::string kernels;
  WorkerOptions options;
  options.id = DefaultId();
  options.slots = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  LogLevel log_level = LogLevel::kInfo;
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::kDebug},
                                                  {"info", LogLevel::kInfo},
                                                  {"warning", LogLevel::kWarning},
                                                  {"error", LogLevel::kError}};
  app.add_option("--coordinator", coordinator, "host:port of the coordinator")
      ->envname("SEEDCAST_COORDINATOR")
      ->capture_default_str();
  app.add_option("--slots", options.slots, "threads that evaluate; default: one a core")->capture_default_str();
  app.add_option("--id", options.id, "name, unique among the coordinator's workers; default: host-pid");
  app.add_option("--cache", options.cache_directory, "directory of data sets fetched from the coordinator");
  app.add_option("--inner-state-mb", options.inner_state_mb,
                 "MiB for inner trainings that are carried from generation to generation")
      ->capture_default_str();
  app.add_option("--kernels", kernels, "avx512, avx2 or scalar instead of the best that this machine has");
  app.add_option("--log-level", log_level, "debug, info, warning or error")
      ->transform(CLI::CheckedTransformer(levels).description(""))
      ->default_str("info");
  app.set_version_flag("--version", "seedcast-worker " SEEDCAST_VERSION);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  SetLogLevel(log_level);
  if (const absl::Status valid = options.Validate(); !valid.ok()) {
    std::fprintf(stderr, "seedcast-worker: --%s\n", std::string(valid.message()).c_str());
    return kUsage;
  }
  if (!kernels.empty() && !UseKernels(kernels)) {
    std::fprintf(stderr, "seedcast-worker: --kernels: '%s', expected what this machine has: %s\n", kernels.c_str(),
                 "avx512, avx2 or scalar");
    return kUsage;
  }
  return Serve(coordinator, options);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) { return seedcast::Main(argc, argv); }
