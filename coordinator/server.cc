#include "coordinator/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "coordinator/coordinator.h"
#include "coordinator/datasets.h"
#include "coordinator/rpc/job_service.h"
#include "coordinator/rpc/listen.h"
#include "coordinator/rpc/loop.h"
#include "coordinator/rpc/parameter_service.h"
#include "coordinator/rpc/worker_registry.h"
#include "coordinator/rpc/worker_service.h"
#include "coordinator/store/sqlite_store.h"

namespace seedcast {
namespace {

constexpr int kMaxChannelMessageBytes = 64 << 20;
// For calls that were told to end to end; after that they are cancelled.
constexpr std::chrono::seconds kEndingTime{2};

DataOptions DataOptionsOf(const ServerOptions& options) {
  DataOptions data = DataOptions::FromEnvironment();
  if (!options.data_directory.empty()) data.directory = options.data_directory;
  if (!options.cache_directory.empty()) data.cache_directory = options.cache_directory;
  return data;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& directory) {
  if (directory.empty()) return MakeMemoryStore();
  return OpenSqliteStore(directory);
}

CoordinatorOptions CoordinatorOptionsOf(const ServerOptions& options, Datasets* datasets) {
  CoordinatorOptions result;
  result.lease_ttl = options.lease_ttl;
  result.update_threads = options.update_threads;
  result.build = SEEDCAST_VERSION;
  result.make_task = [datasets](const v1::JobSpec& spec) { return datasets->MakeTask(spec); };
  result.prepare = [datasets](v1::JobSpec* spec) { return datasets->FillIn(spec); };
  return result;
}

// gRPC keeps these for the whole process, and wants to be told before the first server.
void SetUpGrpcOnce(bool reflection) {
  static std::once_flag once;
  std::call_once(once, [] {
    RouteGrpcLog();
    grpc::EnableDefaultHealthCheckService(true);
  });
  static std::once_flag reflection_once;
  if (reflection) std::call_once(reflection_once, grpc::reflection::InitProtoReflectionServerBuilderPlugin);
}

}  // namespace

absl::Status ServerOptions::Validate() const {
  if (!address.empty() && !insecure && !IsLoopback(address)) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen: ", address,
                     ", expected a loopback address, or --insecure: there is no TLS yet, and "
                     "whoever reaches the port may submit jobs and join as a worker"));
  }
  if (lease_ttl < absl::Seconds(1) || lease_ttl > absl::Hours(1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("lease_ttl: ", absl::FormatDuration(lease_ttl), ", expected 1s .. 1h"));
  }
  if (update_threads < 1 || update_threads > 1024) {
    return absl::InvalidArgumentError(absl::StrCat("update_threads: ", update_threads, ", expected 1 .. 1024"));
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
        coordinator_(CoordinatorOptionsOf(options, &datasets_), store_.get(), &registry_) {}

  absl::Status Start() {
    RETURN_IF_ERROR(coordinator_.Recover(clock_.Now()));
    jobs_recovered_ = coordinator_.List(clock_.Now()).jobs_size();
    loop_.emplace(&coordinator_, &clock_, [this](absl::Time now) { registry_.CutOffStrangers(now); });
    workers_.emplace(&*loop_, &registry_);
    jobs_.emplace(&*loop_, [this](const v1::JobSpec& spec) { return datasets_.MakeReady(spec); });
    parameters_.emplace(&*loop_, [this](const std::string& digest) { return datasets_.Read(digest); });
    return Listen();
  }

  void Stop(absl::Duration grace) {
    if (server_ == nullptr) return;  // Start has failed: there are no calls
    server_->GetHealthCheckService()->SetServingStatus(false);
    datasets_.Stop();
    loop_->Post([](Coordinator& coordinator, absl::Time now) { coordinator.StopLeasing(now); });
    registry_.AwaitNoStreams(grace);
    loop_->Post([this](Coordinator&, absl::Time) {
      const absl::Status stopping = absl::UnavailableError("the coordinator is stopping");
      jobs_->EndStreams(stopping);
      registry_.CloseAll(stopping);
    });
    server_->Shutdown(std::chrono::system_clock::now() + kEndingTime);
    loop_->Stop();
  }

  std::shared_ptr<grpc::Channel> InProcessChannel() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMaxChannelMessageBytes);
    return server_->InProcessChannel(arguments);
  }

  int port() const { return port_; }
  int jobs_recovered() const { return jobs_recovered_; }

 private:
  absl::Status Listen() {
    SetUpGrpcOnce(options_.reflection);
    grpc::ServerBuilder builder;
    SetServerLimits(builder);
    builder.RegisterService(&*workers_);
    builder.RegisterService(&*jobs_);
    builder.RegisterService(&*parameters_);
    if (!options_.address.empty()) {
      builder.AddListeningPort(options_.address, grpc::InsecureServerCredentials(), &port_);
    }
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return ExplainListenFailure(options_.address);
    return absl::OkStatus();
  }

  const ServerOptions options_;
  const SteadyClock clock_;
  Datasets datasets_;
  const std::unique_ptr<Store> store_;
  WorkerRegistry registry_;
  Coordinator coordinator_;
  int jobs_recovered_ = 0;
  std::optional<CoordinatorLoop> loop_;
  std::optional<WorkerServiceImpl> workers_;
  std::optional<JobServiceImpl> jobs_;
  std::optional<ParameterServiceImpl> parameters_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(const ServerOptions& options) {
  RETURN_IF_ERROR(options.Validate());
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenStore(options.store_directory));
  auto impl = std::make_unique<Impl>(options, std::move(store));
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<CoordinatorServer>(new CoordinatorServer(std::move(impl)));
}

CoordinatorServer::CoordinatorServer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)), port_(impl_->port()), jobs_recovered_(impl_->jobs_recovered()) {}

CoordinatorServer::~CoordinatorServer() { Shutdown(absl::ZeroDuration()); }

std::shared_ptr<grpc::Channel> CoordinatorServer::InProcessChannel() { return impl_->InProcessChannel(); }

void CoordinatorServer::Shutdown(absl::Duration grace) {
  if (impl_ == nullptr) return;
  impl_->Stop(grace);
  impl_.reset();
}

}  // namespace seedcast
