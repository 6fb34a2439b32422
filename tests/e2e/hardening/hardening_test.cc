// What a stranger, or a peer gone wrong, can do to a coordinator. After each probe an honest client on a new connection
// has its answer within a second, and the coordinator's memory stays within 64 MiB of what it was before.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_split.h"
#include "common/tls/credentials.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/hardening/raw_http2.h"
#include "tests/testing/certificates.h"
#include "tests/testing/f32_hello.h"
#include "tests/testing/read_text.h"

namespace seedcast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kMiB = 1 << 20;
#if defined(__SANITIZE_THREAD__)
constexpr int64_t kMemoryAllowed = 5 * 64 * kMiB;  // four bytes of shadow for each
#elif defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMemoryAllowed = 2 * 64 * kMiB;  // small blocks have margins, and shadow
#else
constexpr int64_t kMemoryAllowed = 64 * kMiB;
#endif
constexpr absl::Duration kAnswerAllowed = absl::Seconds(kPatience);

class HardeningTest : public ClusterTest {
 protected:
  // What AddressSanitizer keeps of freed memory, 256 MiB unless told, is not the coordinator's.
  HardeningTest() { setenv("ASAN_OPTIONS", "quarantine_size_mb=4:thread_local_quarantine_size_kb=64", /*replace=*/1); }

  // A number of /proc/PID/status, in bytes: "VmRSS", or "VmHWM" for the most since Begin.
  int64_t Memory(const std::string& name) const {
    std::ifstream status("/proc/" + std::to_string(coordinator_->pid()) + "/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.rfind(name + ":", 0) == 0) return std::stoll(line.substr(name.size() + 1)) * 1024;
    }
    return 0;
  }

  absl::Duration ProcessorTime() const {
    const std::string line = ReadText("/proc/" + std::to_string(coordinator_->pid()) + "/stat");
    const std::vector<std::string> fields = absl::StrSplit(line.substr(line.rfind(')') + 2), ' ');
    return absl::Seconds(1) * (std::stoll(fields[11]) + std::stoll(fields[12])) / sysconf(_SC_CLK_TCK);
  }

  // From a new connection to an answer; absl::InfiniteDuration() when none comes.
  absl::Duration HonestAnswer(const TlsFiles& tls = {}) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 50);
    const auto jobs =
        v1::JobService::NewStub(grpc::CreateCustomChannel(Address(), MakeChannelCredentials(tls), arguments));
    const absl::Time start = absl::Now();
    Context context(/*seconds=*/10);
    v1::ListJobsResponse response;
    return jobs->ListJobs(&context, {}, &response).ok() ? absl::Now() - start : absl::InfiniteDuration();
  }

  void Begin(const TlsFiles& tls = {}) {
    tls_ = tls;
    ASSERT_LT(HonestAnswer(tls_), absl::Seconds(10));
    std::ofstream("/proc/" + std::to_string(coordinator_->pid()) + "/clear_refs") << "5";  // VmHWM begins anew
    memory_before_ = Memory("VmRSS");
    processor_before_ = ProcessorTime();
  }

  void ExpectUnharmed(const char* probe) {
    const absl::Duration processor = ProcessorTime() - processor_before_;
    const absl::Duration answer = HonestAnswer(tls_);
    const int64_t peak = Memory("VmHWM");
    std::printf("%s: honest answer after %lld ms; memory %lld MiB before, %lld at its peak; %lld ms of processor\n",
                probe, static_cast<long long>(absl::ToInt64Milliseconds(answer)),
                static_cast<long long>(memory_before_ / kMiB), static_cast<long long>(peak / kMiB),
                static_cast<long long>(absl::ToInt64Milliseconds(processor)));
    EXPECT_LT(answer, kAnswerAllowed) << probe;
    EXPECT_LT(peak - memory_before_, kMemoryAllowed) << probe;
  }

  // So that few connections use up all descriptors.
  void LimitDescriptors(int count) const {
    const rlimit limit = {static_cast<rlim_t>(count), static_cast<rlim_t>(count)};
    ASSERT_EQ(prlimit(coordinator_->pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  }

  void FloodAndExpectService(const char* probe) {
    LimitDescriptors(96);
    std::vector<RawConnection> flood;
    for (int i = 0; i < 300; ++i) flood.emplace_back(port_);
    EXPECT_NE(coordinator_->WaitForLine("\"connections shed\""), "");
    flood.clear();
    ExpectUnharmed(probe);
  }

  TlsFiles tls_;
  int64_t memory_before_ = 0;
  absl::Duration processor_before_;
};

TEST_F(HardeningTest, ServesAgainAfterAllDescriptorsWereTaken) {
  StartCoordinator();
  Begin();
  FloodAndExpectService("300 connections against 96 descriptors");
}

TEST_F(HardeningTest, OneAddressCannotTakeAllDescriptors) {
  StartCoordinator();
  Begin();
  LimitDescriptors(96);
  std::vector<RawConnection> flood;
  for (int i = 0; i < 300; ++i) flood.emplace_back(port_, "127.0.0.2");
  EXPECT_NE(coordinator_->WaitForLine("\"connections shed\""), "");
  ExpectUnharmed("300 connections against 96 descriptors, which stand");
}

TEST_F(HardeningTest, ServesAgainUnderTlsToo) {
  StartCoordinator(absl::StrSplit(TlsOptions(IssueLeaf(directory_ / "certs", Role::kCoordinator)), ' '));
  Begin(IssueLeaf(directory_ / "certs", Role::kObserver));
  EXPECT_LT(RawConnection(port_).TimeToClose(absl::Seconds(15)), absl::Seconds(8)) << "who says nothing is not kept";
  FloodAndExpectService("300 connections against 96 descriptors, TLS");
}

TEST_F(HardeningTest, ConnectionsToTheStatusPageAreFew) {
  std::vector<std::string> arguments =
      absl::StrSplit(TlsOptions(IssueLeaf(directory_ / "certs", Role::kCoordinator)), ' ');
  arguments.insert(arguments.end(), {"--https", "127.0.0.1:0"});
  StartCoordinator(arguments);
  Begin(IssueLeaf(directory_ / "certs", Role::kObserver));
  const std::string line = coordinator_->WaitForLine("https=127.0.0.1:");
  const int https_port = std::stoi(line.substr(line.find("https=127.0.0.1:") + 16));
  const auto descriptors = [&] {
    const std::string folder = "/proc/" + std::to_string(coordinator_->pid()) + "/fd";
    return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  };
  const auto before = descriptors();
  std::vector<RawConnection> flood;
  for (int i = 0; i < 100; ++i) flood.emplace_back(https_port);
  EXPECT_NE(coordinator_->WaitForLine("\"https connection refused\""), "");
  absl::SleepFor(absl::Seconds(1));
  EXPECT_LT(descriptors(), before + 64);
  ExpectUnharmed("100 connections to --https");
}

TEST_F(HardeningTest, ACompressedBombIsNotUnpacked) {
  StartCoordinator();
  Begin();
  Context context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  v1::SubmitJobRequest request = SphereJob(1);
  request.set_idempotency_key(std::string(256 * kMiB, 'k'));
  v1::JobStatus status;
  // Compression keeps this client's only thread for longer than a connection may take to be greeted.
  ASSERT_TRUE(channel_->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  const grpc::Status called = jobs_->SubmitJob(&context, request, &status);
  EXPECT_EQ(called.error_code(), grpc::StatusCode::UNIMPLEMENTED) << called.error_message();
  ExpectUnharmed("256 MiB that came as 0.25 MiB of gzip");
}

TEST_F(HardeningTest, AHugeMessageIsNotBuffered) {
  StartCoordinator();
  Begin();
  Context context;
  v1::SubmitJobRequest request = SphereJob(1);
  request.set_idempotency_key(std::string(512 * kMiB, 'k'));
  v1::JobStatus status;
  EXPECT_FALSE(jobs_->SubmitJob(&context, request, &status).ok());
  ExpectUnharmed("a message of 512 MiB");
}

TEST_F(HardeningTest, ManySubmessagesAreNotParsed) {
  StartCoordinator();
  Begin();
  Context context;
  v1::SubmitJobRequest request = SphereJob(1);
  auto* clusters = request.mutable_spec()->mutable_learned_optimizer()->mutable_clusters();
  for (int i = 0; i < 4'000'000; ++i) clusters->Add();
  v1::JobStatus status;
  EXPECT_EQ(jobs_->SubmitJob(&context, request, &status).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  ExpectUnharmed("a job of 4,000,000 empty clusters");
}

TEST_F(HardeningTest, AHeartbeatOfMillionsOfLeasesEndsItsStream) {
  StartCoordinator();
  Begin();
  for (const auto& [leases, code] : {std::pair(4'000'000, grpc::StatusCode::RESOURCE_EXHAUSTED),
                                     std::pair(100'000, grpc::StatusCode::INVALID_ARGUMENT)}) {
    const auto stub = v1::WorkerService::NewStub(channel_);
    Context context;
    const auto stream = stub->Connect(&context);
    v1::WorkerMessage message = F32HelloMessage("hostile");
    ASSERT_TRUE(stream->Write(message));
    v1::CoordinatorMessage welcome;
    ASSERT_TRUE(stream->Read(&welcome));
    for (int i = 0; i < leases; ++i) message.mutable_heartbeat()->add_leases();
    stream->Write(message);
    while (stream->Read(&welcome)) continue;
    EXPECT_EQ(stream->Finish().error_code(), code);
  }
  ExpectUnharmed("heartbeats of 4,000,000 and 100,000 leases");
}

// Peers that say less and less of a call, all at once; none answers a ping.
class SlowPeersTest : public HardeningTest {
 protected:
  // How long each may stay: one that has not greeted, one without a call, one with a call.
  void ExpectClosedWithin(absl::Duration greeting, absl::Duration idle, absl::Duration call) {
    const std::string headers = http2::CallHeaders("/seedcast.v1.JobService/ListJobs");
    struct {
      const char* name;
      std::string says;
      absl::Duration within;
      RawConnection connection;
    } peers[] = {
        {"a connection that says nothing", "", greeting, RawConnection(port_)},
        {"a preface and nothing after it", http2::kPreface, greeting, RawConnection(port_)},
        {"a greeting and no call", http2::Greeting(), idle, RawConnection(port_)},
        {"headers without an end", http2::Greeting() + http2::Frame(http2::kHeaders, http2::kNone, 1, headers), call,
         RawConnection(port_)},
        {"a call without its message",
         http2::Greeting() + http2::Frame(http2::kHeaders, http2::kEndHeaders, 1, headers), call, RawConnection(port_)},
    };
    const absl::Time start = absl::Now();
    for (auto& peer : peers) peer.connection.Send(peer.says);
    for (auto& peer : peers) {
      peer.connection.TimeToClose(peer.within + absl::Seconds(10));
      const absl::Duration closed = absl::Now() - start;
      std::printf("%s: closed after %.1f s\n", peer.name, absl::ToDoubleSeconds(closed));
      EXPECT_LT(closed, peer.within) << peer.name;
    }
    ExpectUnharmed("slow peers");
  }
};

TEST_F(SlowPeersTest, AreClosedBecauseTheyAnswerNoPing) {
  StartCoordinator();
  Begin();
  ExpectClosedWithin(absl::Seconds(8), absl::Seconds(34), absl::Seconds(34));
}

// Before the first ping, as those who answer pings are at the end of these times.
TEST_F(SlowPeersTest, AreClosedWhenIdleOrOld) {
  StartCoordinator({"--connection-idle", "3", "--connection-age", "6"});
  Begin();
  ExpectClosedWithin(absl::Seconds(8), absl::Seconds(8), absl::Seconds(12));
}

// Calls of one connection, each reset at once.
std::string Resets(int calls, const char* method, uint8_t flags) {
  std::string resets;
  const std::string headers = http2::CallHeaders(method);
  for (int i = 0; i < calls; ++i) {
    const uint32_t stream = 2 * i + 1;
    resets += http2::Frame(http2::kHeaders, http2::kEndHeaders | flags, stream, headers);
    resets += http2::Frame(http2::kResetStream, http2::kNone, stream, std::string("\0\0\0\10", 4));
  }
  return resets;
}

TEST_F(HardeningTest, WhoResetsCallAfterCallIsCutOff) {
  StartCoordinator();
  Begin();
  const struct {
    const char* name;
    const char* from;
    const char* method;
    uint8_t flags;
  } shapes[] = {
      {"20,000 calls, each reset at once", "127.0.0.2", "/seedcast.v1.JobService/ListJobs", http2::kNone},
      {"the same, each without a message", "127.0.0.3", "/seedcast.v1.JobService/ListJobs", http2::kEndStream},
      {"the same, of streams", "127.0.0.4", "/seedcast.v1.WorkerService/Connect", http2::kNone},
      {"the same, of no method", "127.0.0.5", "/nobody", http2::kNone},
  };
  for (const auto& shape : shapes) {
    processor_before_ = ProcessorTime();
    RawConnection connection(port_, shape.from);
    if (connection.Send(http2::Greeting() + Resets(20'000, shape.method, shape.flags))) {
      connection.TimeToClose(absl::Seconds(10));
    }
    EXPECT_NE(coordinator_->WaitForLine(std::string("ipv4:") + shape.from), "") << shape.name;
    EXPECT_LT(RawConnection(port_, shape.from).TimeToClose(absl::Seconds(5)), absl::Seconds(1))
        << "is not let in again";
    ExpectUnharmed(shape.name);
  }
}

TEST_F(HardeningTest, WhoResetsSomeCallsIsNot) {
  StartCoordinator();
  Begin();
  RawConnection connection(port_);
  ASSERT_TRUE(connection.Send(http2::Greeting() + Resets(400, "/seedcast.v1.JobService/ListJobs", http2::kNone)));
  absl::SleepFor(absl::Seconds(1));
  ASSERT_TRUE(connection.Send(http2::Frame(http2::kPing, http2::kNone, 0, "all read")));
  EXPECT_TRUE(connection.Await(http2::Frame(http2::kPing, http2::kAck, 0, "all read")));
  ExpectUnharmed("400 calls, each reset at once");
}

// Nobody reads on its end, not even the kernel's buffers.
TEST_F(HardeningTest, WatchersThatDoNotReadCostLittle) {
  StartCoordinator();
  const auto worker = StartWorker("w");
  const std::string job_id = Submit(SphereJob(1'000'000, /*population_size=*/64));
  WatchTo(job_id, 10);
  Begin();
  v1::JobRequest request;
  request.set_job_id(job_id);
  const std::string message = request.SerializeAsString();
  // gRPC's frame: not compressed, four bytes of size.
  const std::string data = std::string(4, '\0') + static_cast<char>(message.size()) + message;
  const std::string headers = http2::CallHeaders("/seedcast.v1.JobService/WatchJob");
  std::vector<RawConnection> watchers;
  for (int i = 0; i < 10; ++i) {
    std::string calls = http2::Greeting();
    for (uint32_t stream = 1; stream < 40; stream += 2) {
      calls += http2::Frame(http2::kHeaders, http2::kEndHeaders, stream, headers);
      calls += http2::Frame(http2::kData, http2::kEndStream, stream, data);
    }
    watchers.emplace_back(port_);
    watchers.back().Write(calls);
  }
  const int64_t begin = WatchTo(job_id, 10).version();
  const absl::Time start = absl::Now();
  while (absl::Now() < start + absl::Seconds(10)) {
    EXPECT_LT(HonestAnswer(), kAnswerAllowed);
    absl::SleepFor(absl::Milliseconds(500));
  }
  const int64_t done = WatchTo(job_id, 10).version() - begin;
  std::printf("%lld generations beside them\n", static_cast<long long>(done));
  EXPECT_GT(done, 20);
  ExpectUnharmed("200 watchers on 10 connections that read nothing");
}

TEST_F(HardeningTest, HeadersCannotForgeALogLine) {
  StartCoordinator({"--log-level", "debug"});
  Begin();
  RawConnection connection(port_);
  connection.Send(http2::Greeting() + http2::Frame(http2::kHeaders, http2::kEndHeaders, 1,
                                                   http2::CallHeaders("/seedcast.v1.JobService/ListJobs") +
                                                       http2::Header("te", "x\nE0101 FORGED audit\x1b[31m")));
  const std::string line = coordinator_->WaitForLine("FORGED");
  EXPECT_THAT(line, HasSubstr(" grpc message=")) << "one line, ours, and the peer's bytes inside it";
  EXPECT_THAT(coordinator_->Output(), Not(HasSubstr("\x1b")));
  ExpectUnharmed("a header with a line break and an escape sequence");
}

// CVE-2023-1428 and its like: headers that 1.51 parses specially, beyond the limit for metadata.
TEST_F(HardeningTest, OversizedHeadersDoNotEndTheProcess) {
  StartCoordinator();
  Begin();
  const std::string large(12'000, 'x');
  for (const char* name : {"te", ":scheme", ":path", ":method", "grpclb_client_stats", "grpc-timeout", "x-any-bin"}) {
    for (const std::string& value : {large, std::string("\xff\0\n", 3) + large}) {
      RawConnection connection(port_);
      connection.Send(http2::Greeting() + http2::Frame(http2::kHeaders, http2::kEndHeaders, 1,
                                                       http2::Header(name, value) +
                                                           http2::CallHeaders("/seedcast.v1.JobService/ListJobs")));
      connection.TimeToClose(absl::Milliseconds(50));
    }
  }
  Context context;
  context.AddMetadata("x-large", std::string(256 << 10, 'x'));
  v1::ListJobsResponse response;
  EXPECT_FALSE(jobs_->ListJobs(&context, {}, &response).ok());
  ExpectUnharmed("oversized headers");
}

}  // namespace
}  // namespace seedcast
