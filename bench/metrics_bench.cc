// What it costs to be looked at: a scrape of a coordinator with 1,000 workers and 32 jobs of 64 clusters, and what the
// statistics of the strategy add to an update.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/noise/philox.h"
#include "common/spec/resolve.h"
#include "common/strategy/update.h"
#include "coordinator/coordinator.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

class NoLinks final : public WorkerLinks {
 public:
  void Send(const std::string&, const v1::CoordinatorMessage&) override {}
  void Close(const std::string&, const absl::Status&) override {}
};

class BusyCoordinator {
 public:
  BusyCoordinator() : store_(MakeMemoryStore()), coordinator_(Options(), store_.get(), &links_) {
    if (!coordinator_.Recover(now_).ok()) std::abort();
    for (int j = 0; j < 32; ++j) {
      v1::SubmitJobRequest request;
      request.mutable_spec()->mutable_sphere();
      request.mutable_spec()->set_generations(1000);
      if (!coordinator_.Submit(request, now_).ok()) std::abort();
    }
    v1::Hello hello;
    hello.set_protocol_version(kProtocolVersion);
    hello.set_slots(2);
    hello.add_tasks("sphere");
    v1::ClassProof& proof = *hello.add_proofs();
    proof.set_numeric_class(v1::F32);
    proof.set_digest(ExpectedF32Proof());
    for (int w = 0; w < 1000; ++w) {
      hello.set_worker_id(absl::StrCat("w", w));
      if (!coordinator_.OnHello(hello, now_).ok()) std::abort();
    }
  }

  CoordinatorFigures Figures() const { return coordinator_.Figures(); }

 private:
  static CoordinatorOptions Options() {
    CoordinatorOptions options;
    options.make_task = [](const v1::JobSpec& spec) { return MakeTask(spec, nullptr); };
    return options;
  }

  const absl::Time now_ = absl::UnixEpoch();
  const std::unique_ptr<Store> store_;
  NoLinks links_;
  Coordinator coordinator_;
};

// On the coordinator's thread, once a second.
void FiguresOf1000Workers(benchmark::State& state) {
  const BusyCoordinator coordinator;
  for (auto _ : state) benchmark::DoNotOptimize(coordinator.Figures());
}
BENCHMARK(FiguresOf1000Workers)->Unit(benchmark::kMicrosecond);

// On the HTTP server's, once a scrape.
void TextOf1000Workers(benchmark::State& state) {
  CoordinatorFigures figures = BusyCoordinator().Figures();
  for (JobFigures& job : figures.active_jobs) {
    job.last.set_seconds(1);
    for (int c = 0; c < 64; ++c) job.last.add_clusters()->set_name(absl::StrCat("cluster-", c));
  }
  const TransferredBytes bytes;
  const ServerFigures server = {.version = "0",
                                .started = absl::UnixEpoch(),
                                .bytes = &bytes,
                                .denied_calls = {},
                                .store_bytes = 0,
                                .store_free_bytes = 0,
                                .certificate = {0, 1}};
  size_t size = 0;
  for (auto _ : state) size = CoordinatorMetricsText(figures, server).size();
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(TextOf1000Workers)->Unit(benchmark::kMicrosecond);

// The update of a network of 111,936 parameters by `pairs` pairs, with and without statistics.
void UpdateOf(benchmark::State& state, bool with_diagnostics) {
  v1::JobSpec job;
  job.set_generations(1'000'000);
  job.mutable_sphere()->set_dimension(111'936);
  job.mutable_strategy()->set_population_size(2 * state.range(0));
  const v1::JobSpec spec = *Resolve(job);
  std::vector<float> fitness(2 * state.range(0));
  PhiloxStream stream(5, 0, 0, 9);
  for (float& value : fitness) value = stream.Uniform();
  State search = InitialState(spec.strategy(), std::vector<float>(111'936, 0.5F));
  UpdateDiagnostics diagnostics;
  for (auto _ : state) {
    const auto report = Update(spec, {fitness, {}}, 1, &search, with_diagnostics ? &diagnostics : nullptr);
    benchmark::DoNotOptimize(report.ok());
  }
}
BENCHMARK_CAPTURE(UpdateOf, plain, false)->Arg(32)->Arg(256)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(UpdateOf, with_statistics, true)->Arg(32)->Arg(256)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace seedcast

BENCHMARK_MAIN();
