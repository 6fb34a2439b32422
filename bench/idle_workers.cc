// Many workers that are connected and have nothing to do, in one process: each a channel and a stream of its own, with
// a real worker's channel arguments, Hello, proof and heartbeats. Says "connected" when all were welcomed, then stays
// until its standard input ends.
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/tls/credentials.h"
#include "common/version.h"
#include "seedcast/v1/worker.grpc.pb.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

constexpr int kMostConnecting = 100;  // at a time, so that no handshake waits for long
constexpr absl::Duration kHeartbeatEvery = absl::Seconds(5);

class IdleWorker final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage> {
 public:
  IdleWorker(std::shared_ptr<grpc::Channel> channel, const v1::Hello& hello, std::function<void()> welcomed)
      : stub_(v1::WorkerService::NewStub(std::move(channel))), welcomed_(std::move(welcomed)) {
    *message_.mutable_hello() = hello;
    context_.set_wait_for_ready(true);
    stub_->async()->Connect(&context_, this);
    StartWrite(&message_);
    StartRead(&answer_);
    StartCall();
  }

  void Beat() {
    absl::MutexLock lock(&mutex_);
    if (writing_ || ended_) return;
    writing_ = true;
    message_.mutable_heartbeat();
    StartWrite(&message_);
  }
  void Leave() {
    context_.TryCancel();
    done_.WaitForNotification();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (answer_.has_welcome()) welcomed_();
    StartRead(&answer_);
  }
  void OnWriteDone(bool) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
  }
  void OnDone(const grpc::Status& status) override {
    if (status.error_code() != grpc::StatusCode::CANCELLED) {
      std::fprintf(stderr, "a stream ended: %s\n", status.error_message().c_str());
    }
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    done_.Notify();
  }

  grpc::ClientContext context_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  const std::function<void()> welcomed_;
  v1::CoordinatorMessage answer_;
  absl::Notification done_;
  absl::Mutex mutex_;
  v1::WorkerMessage message_;
  bool writing_ = true;
  bool ended_ = false;
};

v1::Hello MakeHello() {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_slots(1);
  hello.add_tasks("none");  // so that a job beside them is not theirs
  for (const NumericClassProof& proof : ProveNumericClasses()) {
    v1::ClassProof& shown = *hello.add_proofs();
    shown.set_numeric_class(proof.numeric_class);
    shown.set_digest(proof.digest);
  }
  return hello;
}

grpc::ChannelArguments ChannelArgumentsOfAWorker() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return arguments;
}

class Crowd {
 public:
  void Connect(int count, const std::string& coordinator, const TlsFiles& tls) {
    const std::shared_ptr<grpc::ChannelCredentials> credentials = MakeChannelCredentials(tls);
    v1::Hello hello = MakeHello();
    for (int i = 0; i < count; ++i) {
      AwaitWelcomed(i - kMostConnecting);
      hello.set_worker_id(absl::StrCat("idle-", i));
      workers_.push_back(std::make_unique<IdleWorker>(
          grpc::CreateCustomChannel(coordinator, credentials, ChannelArgumentsOfAWorker()), hello, [this] {
            absl::MutexLock lock(&mutex_);
            ++welcomed_;
          }));
    }
    AwaitWelcomed(count);
  }

  // Spread over the time between two, as they are where nobody agreed on one.
  void BeatUntil(const std::atomic<bool>& stop) {
    while (!stop) {
      for (const auto& worker : workers_) {
        worker->Beat();
        absl::SleepFor(kHeartbeatEvery / static_cast<double>(workers_.size()));
        if (stop) return;
      }
    }
  }

  void Leave() {
    for (const auto& worker : workers_) worker->Leave();
  }

 private:
  void AwaitWelcomed(int count) {
    const auto enough = [&] { return welcomed_ >= count; };
    absl::MutexLock lock(&mutex_, absl::Condition(&enough));
  }

  std::vector<std::unique_ptr<IdleWorker>> workers_;
  absl::Mutex mutex_;
  int welcomed_ = 0;
};

int Main(int argc, char** argv) {
  CLI::App app("Many idle workers", "idle_workers");
  std::string coordinator;
  int count = 1000;
  TlsFiles tls;
  app.add_option("--coordinator", coordinator)->required();
  app.add_option("--count", count);
  app.add_option("--tls-cert", tls.certificate);
  app.add_option("--tls-key", tls.key);
  app.add_option("--tls-ca", tls.authority);
  CLI11_PARSE(app, argc, argv);
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  Crowd crowd;
  crowd.Connect(count, coordinator, tls);
  std::puts("connected");
  std::fflush(stdout);
  std::atomic<bool> stop = false;
  std::thread beating([&] { crowd.BeatUntil(stop); });
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  stop = true;
  beating.join();
  crowd.Leave();
  return 0;
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) { return seedcast::Main(argc, argv); }
