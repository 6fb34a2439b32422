#include "cli/session.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/host_port.h"
#include "common/log.h"
#include "common/loopback.h"
#include "common/status_macros.h"
#include "common/tls/handshake_error.h"
#include "common/version.h"
#include "coordinator/rpc/health_client.h"
#include "coordinator/store/sqlite_store.h"
#include "seedcast/v1/coordinator.grpc.pb.h"
#include "worker/kernels/convnet.h"
#include "worker/runtime/grpc_transport.h"

namespace seedcast {
namespace {

constexpr absl::Duration kConnect = absl::Seconds(3);
constexpr absl::Duration kConnectLocally = absl::Milliseconds(500);
constexpr absl::Duration kStoreBusy = absl::Seconds(2);  // most commands hold a store for an instant only
constexpr absl::Duration kStoreRetry = absl::Milliseconds(50);
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);
constexpr absl::Duration kDescription = absl::Seconds(5);  // however busy, a coordinator describes itself at once

// Where a command that stays listens for other commands on its store; empty where no socket can have that name.
std::string StoreSocket(const std::string& store_directory) {
  constexpr size_t kMaxSocketPath = 107;  // of sockaddr_un
  std::error_code error;                  // no working directory, say: the store's own errors tell of it
  const std::string path = std::filesystem::absolute(store_directory, error) / "seedcast.sock";
  return !error && path.size() <= kMaxSocketPath ? path : "";
}

// A channel to the command that has the store open; null when there is none, as after a crash that left its socket.
std::shared_ptr<grpc::Channel> ChannelOfRunningCommand(const std::string& store_directory) {
  const std::string socket = StoreSocket(store_directory);
  std::error_code error;
  if (socket.empty() || !std::filesystem::exists(socket, error)) return nullptr;
  std::shared_ptr<grpc::Channel> channel = MakeChannel("unix:" + socket, ChannelUse::kControl);
  return channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnectLocally)) ? channel : nullptr;
}

// What a command that trains says where another one does already; `refused` where nobody answers on the store's socket.
absl::Status WhoHolds(const std::string& store_directory, const absl::Status& refused) {
  if (ChannelOfRunningCommand(store_directory) == nullptr) return refused;
  return absl::FailedPreconditionError(
      absl::StrCat("store: a running command holds ", store_directory,
                   ": hand it the job with seedcast submit FILE or seedcast resume JOB, or use another --store"));
}

// UNAVAILABLE when nothing is answered, FAILED_PRECONDITION when it is of another protocol.
absl::Status CheckProtocol(const std::shared_ptr<grpc::Channel>& channel, const std::string& name) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDescription));
  v1::CoordinatorDescription description;
  const grpc::Status called =
      v1::CoordinatorService::NewStub(channel)->Describe(&context, v1::DescribeRequest(), &description);
  const std::string here = absl::StrCat("this is seedcast ", SEEDCAST_VERSION, " with protocol ", kProtocolVersion);
  if (called.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::UnavailableError(
        absl::StrCat(name, " does not answer: nothing came within ", absl::FormatDuration(kDescription)));
  }
  if (called.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return absl::UnavailableError(absl::StrCat(name, " cannot be reached: ", called.error_message()));
  }
  if (!called.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " does not say its version: ", called.error_message(), "; ", here));
  }
  if (description.protocol_version() == kProtocolVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(name, " is version ", description.build(), " with protocol ",
                                                    description.protocol_version(), ", ", here,
                                                    ": bring both to one version"));
}

absl::StatusOr<std::unique_ptr<CoordinatorServer>> StartServer(const SessionOptions& options) {
  ServerOptions server;
  server.address = options.listen;
  server.insecure = options.insecure;
  const std::string socket = StoreSocket(options.store_directory);
  if (options.stays && options.listen.empty() && !socket.empty()) server.address = "unix:" + socket;
  server.store_directory = options.store_directory;
  server.data_directory = options.data_directory;
  server.announce = options.announce;
  auto started = CoordinatorServer::Start(server);
  // A port in use is not an unreachable coordinator.
  if (absl::IsUnavailable(started.status())) return absl::FailedPreconditionError(started.status().message());
  return started;
}

}  // namespace

std::string DefaultStoreDirectory() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return absl::StrCat(state, "/seedcast");
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : absl::StrCat(home, "/.local/state/seedcast");
}

bool HoldsStore(const std::string& directory) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::path(directory) / kStoreFile, error) || error;
}

absl::Status CheckNumericClassHere(const v1::JobSpec& spec) {
  if (spec.numeric_class() == v1::NUMERIC_CLASS_UNSPECIFIED) return absl::OkStatus();  // becomes F32
  std::vector<std::string> here;
  for (const v1::NumericClass numeric_class : NumericClassesHere()) {
    if (numeric_class == spec.numeric_class()) return absl::OkStatus();
    here.push_back(v1::NumericClass_Name(numeric_class));
  }
  return absl::InvalidArgumentError(absl::StrCat("numeric_class: ", v1::NumericClass_Name(spec.numeric_class()),
                                                 ", expected one that this machine has: ", absl::StrJoin(here, ", ")));
}

absl::Status CheckCoordinatorAddress(const std::string& address) {
  const absl::Status target = CheckTarget(address);
  return target.ok() ? target : absl::InvalidArgumentError(absl::StrCat("coordinator: ", target.message()));
}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session);
  if (options.coordinator.empty()) {
    if (options.store_directory.empty()) {
      return absl::InvalidArgumentError("no store: neither HOME nor XDG_STATE_HOME is set, expected --store DIR");
    }
    RETURN_IF_ERROR(session->OpenStore(options));
    return session;
  }
  RETURN_IF_ERROR(CheckCoordinatorAddress(options.coordinator));
  RETURN_IF_ERROR(CheckPlainText(options.coordinator, options.tls.configured(), options.insecure));
  const std::string name = absl::StrCat("coordinator ", options.coordinator);
  if (options.tls.configured()) {
    RETURN_IF_ERROR(CheckTlsFiles(options.tls, TlsSide::kClient, absl::Now()).status());
  }
  const std::shared_ptr<grpc::Channel> channel = MakeChannel(options.coordinator, ChannelUse::kControl, options.tls);
  if (!channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnect))) {
    const absl::Status health = AskHealth(channel, kConnectLocally);  // for what it says of the reason
    if (const auto explained = ExplainHandshake(health.message(), options.tls, options.coordinator)) {
      return absl::UnavailableError(absl::StrCat(name, " cannot be reached: ", *explained));
    }
    return absl::UnavailableError(
        absl::StrCat(name, " cannot be reached: ", health.message(),
                     "; is it running, the address right, and TLS on at both ends or at none?"));
  }
  RETURN_IF_ERROR(CheckProtocol(channel, name));
  session->client_ = std::make_unique<Client>(channel, name);
  return session;
}

absl::Status Session::OpenStore(const SessionOptions& options) {
  if (!options.makes_store && !HoldsStore(options.store_directory)) {
    return absl::NotFoundError(
        absl::StrCat("store: ", options.store_directory, " holds no jobs (no ", kStoreFile, ")"));
  }
  const absl::Time deadline = absl::Now() + kStoreBusy;
  while (true) {
    std::shared_ptr<grpc::Channel> channel;
    if (!options.stays) channel = ChannelOfRunningCommand(options.store_directory);
    if (channel != nullptr) {
      const std::string name = "the running seedcast";
      const absl::Status protocol = CheckProtocol(channel, name);
      if (absl::IsUnavailable(protocol) && absl::Now() < deadline) {  // it has just ended
        absl::SleepFor(kStoreRetry);
        continue;
      }
      RETURN_IF_ERROR(protocol);
      client_ = std::make_unique<Client>(channel, name);
      return absl::OkStatus();
    }
    auto server = StartServer(options);
    if (server.ok()) {
      server_ = *std::move(server);
      client_ = std::make_unique<Client>(server_->InProcessChannel(), "the embedded coordinator");
      return absl::OkStatus();
    }
    if (!absl::IsFailedPrecondition(server.status())) return server.status();
    if (absl::Now() > deadline) {
      return options.stays ? WhoHolds(options.store_directory, server.status()) : server.status();
    }
    absl::SleepFor(kStoreRetry);  // the lock belongs to another process, which tells nobody when it lets go
  }
}

Session::~Session() {
  if (worker_ != nullptr) {
    worker_->RequestDrain();
    worker_thread_.join();
  }
  for (const std::string& job_id : paused_meanwhile_) {
    const absl::Status resumed = client_->Resume(job_id).status();
    if (!resumed.ok()) LogWarning("job stays paused", {{"job", job_id}, {"reason", std::string(resumed.message())}});
  }
  if (server_ != nullptr) server_->Shutdown(kShutdownGrace);
}

absl::Status Session::PauseJobsExcept(const std::string& job_id, std::vector<std::string>* paused) {
  ASSIGN_OR_RETURN(const v1::ListJobsResponse jobs, client_->List());
  for (const v1::JobStatus& job : jobs.jobs()) {
    if (job.job_id() == job_id || job.state() != v1::RUNNING) continue;
    RETURN_IF_ERROR(client_->Pause(job.job_id()).status());
    paused->push_back(job.job_id());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Session::StartWorker(int slots, const std::string& job_id,
                                                              int inner_state_mb) {
  std::vector<std::string> paused;
  RETURN_IF_ERROR(PauseJobsExcept(job_id, &paused));
  RETURN_IF_ERROR(StartWorkerThread(slots, inner_state_mb));
  return paused;
}

absl::StatusOr<std::vector<std::string>> Session::StartWorkerForEvaluation(int slots) {
  RETURN_IF_ERROR(PauseJobsExcept("", &paused_meanwhile_));
  RETURN_IF_ERROR(StartWorkerThread(slots, WorkerOptions().inner_state_mb));
  return paused_meanwhile_;
}

absl::Status Session::StartWorkerThread(int slots, int inner_state_mb) {
  WorkerOptions options;
  options.id = absl::StrCat("local-", getpid());
  options.slots = slots;
  options.inner_state_mb = inner_state_mb;
  RETURN_IF_ERROR(options.Validate());
  const std::shared_ptr<grpc::Channel> channel = server_->InProcessChannel();
  worker_ = std::make_unique<Worker>(options, MakeGrpcTransport(channel, channel));
  worker_thread_ = std::thread([this] { RunWorker(); });
  return absl::OkStatus();
}

void Session::RunWorker() {
  const absl::Status status = worker_->Run();
  if (status.ok()) return;
  {
    absl::MutexLock lock(&mutex_);
    worker_status_ = status;
  }
  client_->EndCalls();  // nobody will evaluate what they wait for
}

absl::Status Session::worker_status() const {
  absl::MutexLock lock(&mutex_);
  return worker_status_;
}

}  // namespace seedcast
