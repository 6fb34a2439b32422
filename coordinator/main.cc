// seedcast-coordinator: binds flags to ServerOptions, runs a CoordinatorServer until a signal.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log.h"
#include "coordinator/server.h"

namespace seedcast {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;
// Leases are sized to half a second of work; a worker that needs longer loses no more than its leases.
constexpr absl::Duration kGrace = absl::Seconds(10);

constexpr char kFooter[] = R"(Examples:
  seedcast-coordinator
  seedcast-coordinator --listen 127.0.0.1:0 --store /var/lib/seedcast
  seedcast-coordinator --listen 0.0.0.0:7070 --insecure     in a network that you trust

Exit codes: 0 stopped by a signal, with everything saved; 1 failure; 2 usage. A second signal ends it at once; also
then nothing that was acknowledged is lost.)";

int signal_pipe[2];

void OnSignal(int) {
  static std::atomic<bool> seen = false;
  if (seen.exchange(true)) _exit(kFailure);
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

void WaitForSignal() {
  char byte;
  while (read(signal_pipe[0], &byte, 1) < 0) continue;  // interrupted by the signal itself
}

std::string DefaultStoreDirectory() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return absl::StrCat(state, "/seedcast");
  }
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "." : home, "/.local/state/seedcast");
}

// A worker is a connection, and a connection a file descriptor.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Serve(const ServerOptions& options) {
  RaiseDescriptorLimit();
  if (!CatchSignals()) {
    LogError("cannot catch signals");
    return kFailure;
  }
  absl::StatusOr<std::unique_ptr<CoordinatorServer>> server = CoordinatorServer::Start(options);
  if (!server.ok()) {
    LogError("cannot start", {{"reason", server.status().ToString()}});
    return kFailure;
  }
  const size_t host_end = options.address.rfind(':');
  LogInfo("serving", {{"address", absl::StrCat(options.address.substr(0, host_end), ":", (*server)->port())},
                      {"store", options.store_directory},
                      {"jobs", absl::StrCat((*server)->jobs_recovered())}});
  WaitForSignal();
  LogInfo("stopping", {{"grace", absl::FormatDuration(kGrace)}});
  (*server)->Shutdown(kGrace);
  LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Coordinates training jobs: stores them, leases their work to workers, answers clients.",
               "seedcast-coordinator");
  ServerOptions options;
  options.address = "127.0.0.1:7070";
  options.store_directory = DefaultStoreDirectory();
  double lease_ttl_seconds = absl::ToDoubleSeconds(options.lease_ttl);
  LogLevel log_level = LogLevel::kInfo;
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::kDebug},
                                                  {"info", LogLevel::kInfo},
                                                  {"warning", LogLevel::kWarning},
                                                  {"error", LogLevel::kError}};
  app.add_option("--listen", options.address, "host:port to serve on; port 0 takes a free one")->capture_default_str();
  app.add_option("--store", options.store_directory, "directory of the jobs' database")->capture_default_str();
  app.add_option("--data", options.data_directory, "directory that holds the Omniglot zips");
  app.add_option("--cache", options.cache_directory, "directory of downloaded and decoded data sets");
  app.add_option("--lease-ttl", lease_ttl_seconds, "seconds of silence after which a worker loses its leases")
      ->capture_default_str();
  app.add_option("--update-threads", options.update_threads, "threads for the update of a large model")
      ->capture_default_str();
  app.add_option("--log-level", log_level, "debug, info, warning or error")
      ->transform(CLI::CheckedTransformer(levels).description(""))
      ->default_str("info");
  app.add_flag("--reflection", options.reflection, "gRPC server reflection, for grpcurl and the like");
  app.add_flag("--insecure", options.insecure, "allow an address that others can reach, without TLS");
  app.set_version_flag("--version", "seedcast-coordinator " SEEDCAST_VERSION);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  options.lease_ttl = absl::Seconds(lease_ttl_seconds);
  SetLogLevel(log_level);
  if (const absl::Status valid = options.Validate(); !valid.ok()) {
    std::fprintf(stderr, "seedcast-coordinator: %s\n", std::string(valid.message()).c_str());
    return kUsage;
  }
  return Serve(options);
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) { return seedcast::Main(argc, argv); }
