#include "coordinator/server.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/host_port.h"
#include "common/http/http_server.h"
#include "common/http/https_server.h"
#include "common/log.h"
#include "common/loopback.h"
#include "common/metrics/metric_families.h"
#include "common/spec/job_state.h"
#include "common/status_macros.h"
#include "common/tls/certificate_gauges.h"
#include "common/tls/credentials.h"
#include "common/work_thread.h"
#include "coordinator/coordinator.h"
#include "coordinator/datasets.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/metrics/figures_board.h"
#include "coordinator/metrics/surroundings.h"
#include "coordinator/rpc/coordinator_service.h"
#include "coordinator/rpc/front.h"
#include "coordinator/rpc/job_service.h"
#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/parameter_service.h"
#include "coordinator/rpc/role_gate.h"
#include "coordinator/rpc/worker_registry.h"
#include "coordinator/rpc/worker_service.h"
#include "coordinator/status/status_api.h"
#include "coordinator/status/status_page.h"
#include "coordinator/store/sqlite_store.h"

namespace seedcast {
namespace {

// For calls that were told to end to end; after that they are cancelled.
constexpr std::chrono::seconds kEndingTime{2};
constexpr absl::Duration kHealthConnectionIdle = absl::Minutes(1);
constexpr absl::Duration kMaxConnectionTime = absl::Hours(24 * 24);  // gRPC counts milliseconds in 31 bits
constexpr absl::Duration kFiguresEvery = absl::Seconds(1);
// The coordinator's thread updates large models and waits for disks, but not for so long.
constexpr absl::Duration kHungAfter = absl::Seconds(60);

DataOptions DataOptionsOf(const ServerOptions& options) {
  DataOptions data = DataOptions::FromEnvironment();
  if (!options.data_directory.empty()) data.directory = options.data_directory;
  if (!options.cache_directory.empty()) data.cache_directory = options.cache_directory;
  data.announce = options.announce;
  return data;
}

// An error with the option's name in front, so that who reads it knows what to change.
absl::Status For(const char* option, const absl::Status& status) {
  return absl::Status(status.code(), status.ok() ? "" : absl::StrCat(option, ": ", status.message()));
}
template <typename T>
absl::StatusOr<T> For(const char* option, absl::StatusOr<T> result) {
  if (result.ok()) return result;
  return For(option, result.status());
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& directory) {
  if (directory.empty()) return MakeMemoryStore();
  return For("store", OpenSqliteStore(directory));
}

CoordinatorOptions CoordinatorOptionsOf(const ServerOptions& options, const SteadyClock* stopwatch,
                                        Datasets* datasets) {
  CoordinatorOptions result;
  result.lease_ttl = options.lease_ttl;
  result.update_threads = options.update_threads;
  result.build = SEEDCAST_VERSION;
  result.stopwatch = stopwatch;
  result.make_task = [datasets](const v1::JobSpec& spec) { return datasets->MakeTask(spec); };
  result.prepare = [datasets](v1::JobSpec* spec) { return datasets->FillIn(spec); };
  return result;
}

// Of a port of gRPC's, which may be a unix socket, too.
absl::Status CheckGrpcAddress(const char* option, const std::string& address) {
  if (address.empty() || absl::StartsWith(address, "unix:")) return absl::OkStatus();
  return For(option, CheckListenAddress(address));
}

absl::Status CheckHttpsAddress(const std::string& address, bool secured) {
  if (address.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(For("https", CheckListenAddress(address)));
  if (secured) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("https: ", address, ", expected certificates (--tls-cert, --tls-key, --tls-ca) with it"));
}

absl::Status CheckConnectionTime(const char* option, absl::Duration time) {
  if (time >= absl::Seconds(1) && (time <= kMaxConnectionTime || time == absl::InfiniteDuration())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", absl::FormatDuration(time), ", expected 1s .. ",
                                                 absl::FormatDuration(kMaxConnectionTime)));
}

}  // namespace

absl::Status ServerOptions::Validate() const {
  RETURN_IF_ERROR(CheckGrpcAddress("listen", address));
  RETURN_IF_ERROR(CheckGrpcAddress("health-listen", health_address));
  if (tls.configured()) {
    RETURN_IF_ERROR(CheckTlsFilesOf(Role::kCoordinator, tls, TlsSide::kServer, absl::Now()));
  } else if (!address.empty() && !insecure && !IsLoopback(address)) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen: ", address,
                     ", expected a loopback address, or certificates (--tls-cert, --tls-key, --tls-ca), or --insecure: "
                     "in plain text whoever reaches the port may submit jobs and join as a worker"));
  }
  RETURN_IF_ERROR(CheckHttpAddress(http, tls.configured(), insecure));
  RETURN_IF_ERROR(CheckHttpsAddress(https_address, tls.configured()));
  RETURN_IF_ERROR(CheckConnectionTime("connection-idle", connection_idle));
  RETURN_IF_ERROR(CheckConnectionTime("connection-age", connection_age));
  if (lease_ttl < absl::Seconds(1) || lease_ttl > absl::Hours(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("lease-ttl: ", absl::FormatDuration(lease_ttl), ", expected 1s .. 1h"));
  }
  if (update_threads < 1 || update_threads > 1024) {
    return absl::InvalidArgumentError(absl::StrCat("update-threads: ", update_threads, ", expected 1 .. 1024"));
  }
  return absl::OkStatus();
}

// Members stand in the order in which they lean on each other; Stop has ended all calls before any of them dies.
class CoordinatorServer::Impl {
 public:
  Impl(const ServerOptions& options, std::unique_ptr<Store> store)
      : options_(options),
        datasets_(DataOptionsOf(options)),
        store_(std::move(store)),
        registry_(options.hello_timeout),
        coordinator_(CoordinatorOptionsOf(options, &clock_, &datasets_), store_.get(), &registry_),
        certificate_(options.tls, TlsSide::kServer, absl::Now()) {}

  absl::Status Start() {
    RETURN_IF_ERROR(coordinator_.Recover(clock_.Now()));
    const v1::ListJobsResponse recovered = coordinator_.List(clock_.Now());
    jobs_recovered_ = recovered.jobs_size();
    started_ = clock_.Now();
    figures_.Put(coordinator_.Figures(), started_);
    loop_.emplace(&coordinator_, &clock_, [this](absl::Time now) { OnTick(now); });
    workers_.emplace(&*loop_, &registry_);
    jobs_.emplace(&*loop_, [this](const v1::JobSpec& spec) { return datasets_.MakeReady(spec); });
    parameters_.emplace(&*loop_, &registry_.transferred(),
                        [this](const std::string& digest) { return datasets_.Read(digest); });
    AddPages();
    RETURN_IF_ERROR(StartHttp(options_.http, &http_));
    RETURN_IF_ERROR(StartHttps());
    RETURN_IF_ERROR(StartGrpc());
    phase_ = Phase::kServing;
    BringBackData(recovered);
    return absl::OkStatus();
  }

  void Stop(absl::Duration grace) {
    if (front_ == nullptr) return;  // Start has failed: there have been no calls
    phase_ = Phase::kStopping;
    front_->SetServing(false);
    if (health_ != nullptr) health_->SetServing(false);
    datasets_.Stop();
    loop_->Post([](Coordinator& coordinator, absl::Time now) { coordinator.StopLeasing(now); });
    registry_.AwaitNoStreams(grace);
    loop_->Post([this](Coordinator&, absl::Time) {
      const absl::Status stopping = absl::UnavailableError("the coordinator is stopping");
      jobs_->EndStreams(stopping);
      registry_.CloseAll(stopping);
    });
    https_.Stop();
    http_.Stop();  // their pages look at the front, and post to the loop
    front_->Shutdown(kEndingTime);
    if (health_ != nullptr) health_->Shutdown(kEndingTime);
    loop_->Stop();
  }

  std::shared_ptr<grpc::Channel> InProcessChannel() { return front_->InProcessChannel(); }
  int port() const { return front_->port(); }
  int health_port() const { return health_ == nullptr ? 0 : health_->port(); }
  int http_port() const { return http_.port(); }
  int https_port() const { return https_.port(); }
  int jobs_recovered() const { return jobs_recovered_; }

 private:
  enum class Phase { kStarting, kServing, kStopping };  // one after the other

  void AddPages() {
    http_.Handle("GET", "/metrics", [this](const HttpRequest&) -> HttpResponse {
      if (phase_ == Phase::kStarting) return {503, "starting\n"};
      return {200, CoordinatorMetricsText(*figures_.Get().figures, MeasureSurroundings()), kMetricsContentType};
    });
    http_.Handle("GET", "/healthz", [this](const HttpRequest&) -> HttpResponse {
      const std::string trouble = Trouble();
      return {trouble.empty() ? 200 : 503, trouble.empty() ? "ok\n" : trouble + "\n"};
    });
    http_.Handle("GET", "/livez", [](const HttpRequest&) -> HttpResponse { return {200, "ok\n"}; });
    status_.emplace(&*loop_, &figures_, options_.tls.configured() ? gate_.get() : nullptr);
    status_->AddTo(&http_);
    AddStatusPage(&http_);
  }

  absl::Status StartHttps() {
    if (options_.https_address.empty()) return absl::OkStatus();
    const auto admit = [this](const std::vector<std::string>& uri_names) -> absl::StatusOr<Identity> {
      RETURN_IF_ERROR(gate_->MayCall(uri_names, "/seedcast.v1.JobService/ListJobs"));
      return IdentityOf(uri_names);
    };
    return https_.Start({options_.https_address, options_.tls, admit}, &http_.routes());
  }

  // Why it does not serve, or empty.
  std::string Trouble() const {
    if (phase_ == Phase::kStarting) return "starting";
    if (phase_ == Phase::kStopping) return "stopping";
    const absl::Duration silent = clock_.Now() - figures_.Get().put;
    if (silent < kHungAfter) return "";
    return absl::StrCat("the coordinator's thread is busy for ", absl::ToInt64Seconds(silent), " s");
  }

  ServerFigures MeasureSurroundings() {
    const StoreSpace space = MeasureStore(options_.store_directory);
    return {.version = SEEDCAST_VERSION,
            .started = started_,
            .bytes = &registry_.transferred(),
            .shed_connections = front_->shed_connections(),
            .silent_connections = registry_.strangers_cut_off(),
            .resetting_connections = front_->resetting_connections(),
            .denied_calls = gate_->denied(),
            .store_bytes = space.bytes,
            .store_free_bytes = space.free_bytes,
            .certificate = certificate_.Look(absl::Now())};
  }

  // Last of all that may fail: a coordinator that does not start takes no calls, which would have to be ended again.
  absl::Status StartGrpc() {
    SetUpGrpc(options_.reflection);
    RETURN_IF_ERROR(StartHealth());
    FrontOptions front;
    front.address = options_.address;
    front.credentials = MakeServerCredentials(options_.tls, gate_);
    front.services = {&*workers_, &*jobs_, &*parameters_, &description_};
    front.buffers = &buffers_;
    front.connection_idle = options_.connection_idle;
    front.connection_age = options_.connection_age;
    ASSIGN_OR_RETURN(front_, For("listen", GrpcFront::Start(front)));
    if (health_ != nullptr) health_->SetServing(true);
    return absl::OkStatus();
  }

  absl::Status StartHealth() {
    if (options_.health_address.empty()) return absl::OkStatus();
    FrontOptions health;
    health.address = options_.health_address;
    health.credentials = grpc::InsecureServerCredentials();
    health.buffers = &buffers_;
    health.connection_idle = kHealthConnectionIdle;
    ASSIGN_OR_RETURN(health_, For("health-listen", GrpcFront::Start(health)));
    health_->SetServing(false);
    return absl::OkStatus();
  }

  // What the cache has lost of the jobs that go on. Workers whose fetch fails meanwhile try again.
  void BringBackData(const v1::ListJobsResponse& recovered) {
    for (const v1::JobStatus& job : recovered.jobs()) {
      if (HasEnded(job.state())) continue;
      bringing_back_.Post([this, job_id = job.job_id(), spec = job.spec()] {
        const absl::Status status = datasets_.MakeReady(spec);
        if (status.ok() || absl::IsCancelled(status)) return;  // the latter by Stop, which says nothing of the data
        LogWarning("job without data", {{"job", job_id}, {"error", status.ToString()}});
      });
    }
  }

  // The coordinator's thread, every 100 ms.
  void OnTick(absl::Time now) {
    registry_.CutOffStrangers(now);
    buffers_.AllowFor(registry_.workers());
    if (now - figures_.Get().put >= kFiguresEvery) figures_.Put(coordinator_.Figures(), now);
  }

  const ServerOptions options_;
  const SteadyClock clock_;
  Datasets datasets_;
  WorkThread bringing_back_;
  const std::unique_ptr<Store> store_;
  WorkerRegistry registry_;
  ReceiveBuffers buffers_;
  Coordinator coordinator_;
  int jobs_recovered_ = 0;
  std::optional<CoordinatorLoop> loop_;
  std::optional<WorkerServiceImpl> workers_;
  std::optional<JobServiceImpl> jobs_;
  std::optional<ParameterServiceImpl> parameters_;
  CoordinatorServiceImpl description_;
  const std::shared_ptr<RoleGate> gate_ = std::make_shared<RoleGate>();
  std::unique_ptr<GrpcFront> front_;
  std::unique_ptr<GrpcFront> health_;  // null without a health_address
  absl::Time started_;
  std::atomic<Phase> phase_ = Phase::kStarting;
  FiguresBoard figures_;
  CertificateGauges certificate_;
  std::optional<StatusApi> status_;
  HttpServer http_;  // last: its threads, and those of the next, look at all of the above
  HttpsServer https_;
};

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(const ServerOptions& options) {
  RETURN_IF_ERROR(options.Validate());
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenStore(options.store_directory));
  auto impl = std::make_unique<Impl>(options, std::move(store));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<CoordinatorServer>(new CoordinatorServer(std::move(impl)));
}

CoordinatorServer::CoordinatorServer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)),
      port_(impl_->port()),
      health_port_(impl_->health_port()),
      http_port_(impl_->http_port()),
      https_port_(impl_->https_port()),
      jobs_recovered_(impl_->jobs_recovered()) {}

CoordinatorServer::~CoordinatorServer() { Shutdown(absl::ZeroDuration()); }

std::shared_ptr<grpc::Channel> CoordinatorServer::InProcessChannel() { return impl_->InProcessChannel(); }

void CoordinatorServer::Shutdown(absl::Duration grace) {
  if (impl_ == nullptr) return;
  impl_->Stop(grace);
  impl_.reset();
}

}  // namespace seedcast
