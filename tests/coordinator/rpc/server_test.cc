#include "coordinator/server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/loopback.h"
#include "tests/coordinator/rpc/server_fixture.h"
#include "tests/testing/certificates.h"
#include "tests/testing/temporary_directory.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;

TEST(ServerOptionsTest, RefusesWhatCannotBeMeant) {
  const struct {
    const char* says;
    void (*change)(ServerOptions&);
  } cases[] = {
      {"listen: 0.0.0.0:0", [](ServerOptions& options) { options.address = "0.0.0.0:0"; }},
      {"listen: example.org:1", [](ServerOptions& options) { options.address = "example.org:1"; }},
      {"listen: 'nonsense', expected host:port", [](ServerOptions& options) { options.address = "nonsense"; }},
      {"listen: 'ipv4:127.0.0.1:0'", [](ServerOptions& options) { options.address = "ipv4:127.0.0.1:0"; }},
      {"listen: '127.0.0.1:99999', expected host:port with a port of 0 .. 65535",
       [](ServerOptions& options) { options.address = "127.0.0.1:99999"; }},
      {"health-listen: '127.0.0.1:65536', expected host:port with a port of 0 .. 65535",
       [](ServerOptions& options) { options.health_address = "127.0.0.1:65536"; }},
      {"http: 'nonsense', expected host:port", [](ServerOptions& options) { options.http.address = "nonsense"; }},
      {"https: '127.0.0.1:-1', expected host:port with a port of 0 .. 65535",
       [](ServerOptions& options) { options.https_address = "127.0.0.1:-1"; }},
      {"lease-ttl: 0", [](ServerOptions& options) { options.lease_ttl = absl::ZeroDuration(); }},
      {"lease-ttl: inf", [](ServerOptions& options) { options.lease_ttl = absl::InfiniteDuration(); }},
      {"connection-age: 576h0.001s, expected 1s .. 576h",
       [](ServerOptions& options) { options.connection_age = absl::Hours(576) + absl::Milliseconds(1); }},
      {"connection-idle: -inf, expected 1s .. 576h",
       [](ServerOptions& options) { options.connection_idle = -absl::InfiniteDuration(); }},
      {"update-threads: 0", [](ServerOptions& options) { options.update_threads = 0; }},
  };
  for (const auto& c : cases) {
    ServerOptions options;
    c.change(options);
    const absl::Status status = CoordinatorServer::Start(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.says;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
}

TEST(ListenTest, KnowsLoopback) {
  for (const char* address : {"127.0.0.1:0", "127.1.2.3:9", "localhost:7070", "[::1]:0", "unix:/tmp/socket",
                              "ipv4:127.0.0.1:7070", "ipv6:[::1]:7070", "dns:///localhost:7070", "unix-abstract:x"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0:0", "10.0.0.1:0", "[::]:0", "localhost.example.org:1", ":7070", "", "127.example.org:7070",
        "127.1:7070", "dns:///example.org:7070", "dns://10.0.0.1/localhost:7070"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

TEST(CoordinatorServerTest, APortInUseIsUnavailableAndNamed) {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  const auto first = CoordinatorServer::Start(options);
  ASSERT_TRUE(first.ok()) << first.status();
  options.address = "127.0.0.1:" + std::to_string((*first)->port());
  const absl::Status status = CoordinatorServer::Start(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.address));
}

// Tries to connect to a unix socket all the time.
class Knocker {
 public:
  explicit Knocker(const std::string& path) {
    address_.sun_family = AF_UNIX;
    path.copy(address_.sun_path, sizeof address_.sun_path - 1);
    thread_ = std::thread([this] { Knock(); });
  }
  ~Knocker() {
    stop_ = true;
    thread_.join();
  }
  bool let_in() const { return let_in_; }

 private:
  void Knock() {
    while (!stop_) {
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0) let_in_ = true;
      close(fd);
    }
  }

  sockaddr_un address_ = {};
  std::atomic<bool> stop_ = false;
  std::atomic<bool> let_in_ = false;
  std::thread thread_;
};

// Calls that came in would have to be ended before what they use is gone.
TEST(CoordinatorServerTest, OneThatCannotStartLetsNobodyIn) {
  const TemporaryDirectory directory;
  ServerOptions options;
  options.http.address = "127.0.0.1:0";
  const auto first = CoordinatorServer::Start(options);
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string taken = absl::StrCat("127.0.0.1:", (*first)->http_port());
  options.address = "unix:" + directory / "socket";
  ServerOptions without_http = options, without_https = options, without_health = options;
  without_http.http.address = taken;
  without_https.https_address = taken;
  without_https.tls = IssueLeaf(directory / "certs", Role::kCoordinator);
  without_health.health_address = taken;
  const Knocker knocker(directory / "socket");
  for (const ServerOptions& refused : {without_http, without_https, without_health}) {
    for (int i = 0; i < 5; ++i) {
      const absl::Status status = CoordinatorServer::Start(refused).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
      EXPECT_THAT(std::string(status.message()), HasSubstr(taken));
    }
    EXPECT_FALSE(knocker.let_in());
  }
  const auto second = CoordinatorServer::Start(options);
  ASSERT_TRUE(second.ok()) << second.status();
  while (!knocker.let_in()) std::this_thread::yield();
}

// grpc.health.v1.Health/Check; its messages have one field each, as two of ours have: a string, a number.
int64_t Health(grpc::Channel* channel) {
  grpc::ClientContext context;
  v1::LeaseProgress response;
  const grpc::internal::RpcMethod check("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status =
      grpc::internal::BlockingUnaryCall<v1::JobRequest, v1::LeaseProgress, google::protobuf::MessageLite,
                                        google::protobuf::MessageLite>(channel, check, &context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.lease_id();
}

class NetworkTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.reflection = true;
    StartServer(options);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials());
    jobs_ = v1::JobService::NewStub(channel_);
  }

  grpc::Status SubmitWithKey(size_t bytes, grpc_compression_algorithm compression) {
    Context context;
    context.set_compression_algorithm(compression);
    v1::SubmitJobRequest request = SphereJob(1);
    request.set_idempotency_key(std::string(bytes, 'k'));
    v1::JobStatus status;
    return jobs_->SubmitJob(&context, request, &status);
  }
};

TEST_F(NetworkTest, SaysThatItServes) { EXPECT_EQ(Health(channel_.get()), /*SERVING*/ 1); }

TEST_F(NetworkTest, RefusesMessagesOverTheLimit) {
  EXPECT_TRUE(SubmitWithKey(100, GRPC_COMPRESS_NONE).ok());
  EXPECT_EQ(SubmitWithKey(20 << 20, GRPC_COMPRESS_NONE).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(NetworkTest, RefusesCompressedMessages) {
  EXPECT_EQ(SubmitWithKey(1000, GRPC_COMPRESS_GZIP).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

class ShutdownTest : public ServerTest {
 protected:
  absl::Duration TimeToShutDown() {
    const absl::Time start = absl::Now();
    server_->Shutdown(absl::ZeroDuration());
    return absl::Now() - start;
  }
};

TEST_F(ShutdownTest, EndsOpenStreamsOfEveryKind) {
  v1::JobRequest request;
  request.set_job_id(Submit(SphereJob(1000)).job_id());
  Context watch_context, silent_context;
  const auto watch = jobs_->WatchJob(&watch_context, request);
  v1::JobStatus status;
  ASSERT_TRUE(watch->Read(&status));
  const auto silent_worker = workers_->Connect(&silent_context);  // never says Hello
  EXPECT_LT(TimeToShutDown(), absl::Seconds(10));
  while (watch->Read(&status)) continue;
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(silent_worker->Finish().ok());
}

TEST_F(ShutdownTest, DoesNotWaitForAClientThatDoesNotRead) {
  const auto worker = StartWorker("w1");
  v1::JobRequest request;
  request.set_job_id(Submit(SphereJob(2000)).job_id());
  Context stuck_context;
  const auto stuck = jobs_->WatchJob(&stuck_context, request);  // nobody reads it
  WatchToTheEnd(request.job_id());
  Drain(*worker);
  EXPECT_LT(TimeToShutDown(), absl::Seconds(10));
}

TEST_F(ShutdownTest, AJobGoesOnInTheNextServerOfTheSameStore) {
  TemporaryDirectory directory;
  ServerOptions options;
  options.store_directory = directory.path();
  options.address = "127.0.0.1:0";
  StartServer(options);
  std::string job_id;
  {
    const auto worker = StartWorker("w1");
    job_id = Submit(SphereJob(3000)).job_id();
    Context context;
    v1::JobRequest request;
    request.set_job_id(job_id);
    const auto watch = jobs_->WatchJob(&context, request);
    v1::JobStatus status;
    while (watch->Read(&status) && status.version() < 20) continue;
    context.TryCancel();
    watch->Finish();
    Drain(*worker);
  }
  server_->Shutdown(absl::Seconds(1));
  StartServer(options);
  EXPECT_EQ(server_->jobs_recovered(), 1);
  Context context;
  v1::JobRequest request;
  request.set_job_id(job_id);
  v1::JobStatus status;
  ASSERT_TRUE(jobs_->GetJob(&context, request, &status).ok());
  EXPECT_GE(status.version(), 20);
  EXPECT_EQ(status.state(), v1::RUNNING);
}

}  // namespace
}  // namespace seedcast
