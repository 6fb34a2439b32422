// How many results a coordinator takes in a second on one core: engine, codec, log (in memory) and update, without
// sockets. Simulated workers answer every lease with one result of one pair, the smallest there is.
//
//   engine_bench [workers] [seconds]        default 2048 workers, 5 seconds
#include <sys/resource.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "coordinator/coordinator.h"
#include "coordinator/rpc/raw_message.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

constexpr size_t kBatch = 256;  // results between two looks at the clock, which is a call of the kernel

// Of this thread: what other programs do meanwhile does not count.
double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double ResidentMiB() {
  std::ifstream statm("/proc/self/statm");
  long size = 0, resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

// Messages out, serialised as a stream would; the leases among them wait for their workers.
class Links final : public WorkerLinks {
 public:
  void Send(const std::string& worker_id, const v1::CoordinatorMessage& message) override {
    std::string bytes = message.SerializeAsString();
    bytes_out += static_cast<int64_t>(bytes.size());
    if (message.has_lease()) leases.emplace_back(worker_id, std::move(bytes));
  }
  // As WorkerRegistry: each worker's queue gets a buffer that refers to the same bytes.
  void Broadcast(const std::vector<std::string>& worker_ids, const v1::CoordinatorMessage& message) override {
    const grpc::ByteBuffer bytes = ToRaw(message);
    std::deque<grpc::ByteBuffer> queues;
    for (size_t worker = 0; worker < worker_ids.size(); ++worker) {
      queues.push_back(bytes);
      bytes_out += static_cast<int64_t>(queues.back().Length());
    }
  }
  void Close(const std::string&, const absl::Status& reason) override {
    std::fprintf(stderr, "stream closed: %s\n", reason.ToString().c_str());
    std::exit(1);
  }

  std::deque<std::pair<std::string, std::string>> leases;
  int64_t bytes_out = 0;
};

std::string AnswerTo(const std::string& lease_bytes) {
  v1::CoordinatorMessage message;
  message.ParseFromString(lease_bytes);
  const v1::Lease& lease = message.lease();
  v1::WorkerMessage answer;
  v1::LeaseResult& result = *answer.mutable_result();
  result.set_lease_id(lease.lease_id());
  result.set_job_id(lease.job_id());
  result.set_version(lease.version());
  *result.mutable_pairs() = lease.pairs();
  for (int64_t m = 0; m < 2 * lease.pairs().count(); ++m) {
    result.add_fitness(static_cast<float>((lease.pairs().first_pair() * 7 + m) % 101));
  }
  result.set_seconds(static_cast<double>(lease.pairs().count()));  // slow: leases stay at one pair
  return answer.SerializeAsString();
}

v1::SubmitJobRequest BenchJob() {
  v1::SubmitJobRequest request;
  v1::JobSpec& spec = *request.mutable_spec();
  spec.mutable_sphere()->set_dimension(10);
  spec.set_generations(1'000'000);
  spec.mutable_strategy()->set_population_size(16'384);
  spec.mutable_validation()->set_every(0);
  return request;
}

void Join(Coordinator& coordinator, int workers, absl::Time now) {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_slots(1);
  hello.add_tasks("sphere");
  hello.add_proofs()->set_numeric_class(v1::F32);
  hello.mutable_proofs(0)->set_digest(ExpectedF32Proof());
  for (int i = 0; i < workers; ++i) {
    hello.set_worker_id(absl::StrCat("worker-", i));
    if (!coordinator.OnHello(hello, now).ok()) std::exit(1);
  }
}

int Main(int workers, double seconds) {
  SetLogLevel(LogLevel::kError);
  Links links;
  const std::unique_ptr<Store> store = MakeMemoryStore();
  CoordinatorOptions options;
  options.make_task = [](const v1::JobSpec& spec) { return MakeTask(spec, nullptr); };
  Coordinator coordinator(options, store.get(), &links);
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  if (!coordinator.Recover(now).ok()) return 1;
  Join(coordinator, workers, now);
  const auto submitted = coordinator.Submit(BenchJob(), now);
  if (!submitted.ok()) return 1;

  const double resident_at_start = ResidentMiB();
  int64_t bytes_in = 0;
  double in_coordinator = 0;
  const double start = CpuSeconds();
  std::vector<std::pair<std::string, std::string>> answers;  // of a worker, bytes
  while (CpuSeconds() - start < seconds && !links.leases.empty()) {
    answers.clear();
    for (; answers.size() < kBatch && !links.leases.empty(); links.leases.pop_front()) {
      const auto& [worker_id, lease] = links.leases.front();
      answers.emplace_back(worker_id, AnswerTo(lease));
      bytes_in += static_cast<int64_t>(answers.back().second.size());
    }
    const double before = CpuSeconds();
    for (const auto& [worker_id, bytes] : answers) {
      now += absl::Microseconds(10);
      v1::WorkerMessage message;
      message.ParseFromString(bytes);
      coordinator.OnMessage(worker_id, message, now);
    }
    in_coordinator += CpuSeconds() - before;
  }
  const engine::EngineStats stats = coordinator.Figures().engine;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double results = static_cast<double>(stats.results + stats.duplicate_results);
  std::printf("workers                        %d\n", workers);
  std::printf("results/CPU-s in coordinator   %.0f\n", results / in_coordinator);
  std::printf("with the simulated workers     %.0f\n", results / (CpuSeconds() - start));
  std::printf("generations                    %lld\n",
              static_cast<long long>(coordinator.Get(submitted->job_id(), now)->version()));
  std::printf("repeated leases                %lld\n", static_cast<long long>(stats.repeated_leases));
  std::printf("bytes a result, in and out     %.0f %.0f\n", static_cast<double>(bytes_in) / results,
              static_cast<double>(links.bytes_out) / results);
  std::printf("resident MiB, start and peak   %.1f %.1f\n", resident_at_start,
              static_cast<double>(usage.ru_maxrss) / 1024);
  return 0;
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) {
  return seedcast::Main(argc > 1 ? std::atoi(argv[1]) : 2048, argc > 2 ? std::atof(argv[2]) : 5);
}
