// ES evaluations per second of one machine, without a coordinator: what a worker's slots do, noise included, beside
// pure inference with the same kernels on the same episodes. One JSON object a row, on standard output; bench/run.py
// makes the table.
//
//   evaluation_bench [--seconds S] [--threads N] [--filters F] [--way W --shot S --query Q] [--class NAME]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/spec/resolve.h"
#include "common/strategy/state.h"
#include "seedcast/v1/job.pb.h"
#include "worker/data/locate.h"
#include "worker/kernels/convnet.h"
#include "worker/runtime/evaluate_lease.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

struct Flags {
  double seconds = 5;
  int threads = static_cast<int>(std::thread::hardware_concurrency());
  int filters = 64, way = 5, shot = 5, query = 5;
  std::vector<std::string> classes = {"F32", "BF16_AMX", "BF16_AVX512"};
};

using SteadyTime = std::chrono::steady_clock;

double SecondsSince(SteadyTime::time_point start) {
  return std::chrono::duration<double>(SteadyTime::now() - start).count();
}

v1::JobSpec SpecOf(const Flags& flags, v1::NumericClass numeric_class) {
  v1::JobSpec spec;
  spec.set_generations(1);
  spec.set_numeric_class(numeric_class);
  v1::ProtoNetTask* task = spec.mutable_proto_net();
  task->set_dataset(v1::ProtoNetTask::GLYPHS);
  task->set_way(flags.way);
  task->set_shot(flags.shot);
  task->set_query(flags.query);
  task->set_filters(flags.filters);
  return *Resolve(spec);
}

// Runs `body(thread)` on every thread again and again for about `seconds`; returns the calls per second of all threads
// together.
template <typename Body>
double CallsPerSecond(const Flags& flags, const Body& body) {
  std::atomic<int64_t> calls{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < flags.threads; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; !stop; ++i, ++calls) body(t, i);
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // scratch allocated, caches warm
  const int64_t before = calls;
  const auto start = SteadyTime::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(flags.seconds));
  const double rate = static_cast<double>(calls - before) / SecondsSince(start);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return rate;
}

// As a slot works: leases of 8 pairs.
double EvolutionRate(const Flags& flags, const LeaseWork& prototype) {
  constexpr int kPairs = 8;
  std::vector<LeaseEvaluator> slots(flags.threads);
  return 2 * kPairs * CallsPerSecond(flags, [&](int thread, int64_t call) {
           LeaseWork work = prototype;
           work.lease.mutable_pairs()->set_first_pair((call * flags.threads + thread) * kPairs);
           work.lease.mutable_pairs()->set_count(kPairs);
           LeaseControl control;
           v1::LeaseResult result;
           slots[thread].Run(work, &control, &result);
         });
}

// The same episodes with theta as it is: two forward passes an episode, no noise.
double InferenceRate(const Flags& flags, const LeaseWork& prototype) {
  std::vector<std::unique_ptr<Evaluator>> evaluators;
  for (int t = 0; t < flags.threads; ++t) evaluators.push_back(prototype.task->NewEvaluator());
  return 2 * CallsPerSecond(flags, [&](int thread, int64_t call) {
           const int64_t pair = call * flags.threads + thread;
           for (int member = 0; member < 2; ++member) {
             (void)evaluators[thread]->Evaluate(prototype.state->theta, {0, pair});
           }
         });
}

int Main(const Flags& flags) {
  DataOptions data;
  data.offline = true;
  ArtifactStore artifacts((std::filesystem::temp_directory_path() / "seedcast-bench").string());
  const auto dataset = ResolveDataset(v1::ProtoNetTask::GLYPHS, data, &artifacts);
  if (!dataset.ok()) {
    std::fprintf(stderr, "error: %s\n", dataset.status().ToString().c_str());
    return 1;
  }
  for (const std::string& name : flags.classes) {
    v1::NumericClass numeric_class;
    if (!v1::NumericClass_Parse(name, &numeric_class)) {
      std::fprintf(stderr, "error: --class: '%s' is no numeric class\n", name.c_str());
      return 2;
    }
    const ConvNetKernels* kernels = BestConvNetKernels(numeric_class);
    if (kernels == nullptr) continue;
    v1::JobSpec spec = SpecOf(flags, numeric_class);
    spec.mutable_proto_net()->set_dataset_digest(dataset->digest);
    auto task = MakeTask(spec, [&](const std::string& digest) { return artifacts.Get(digest); });
    if (!task.ok()) {
      std::fprintf(stderr, "error: %s\n", task.status().ToString().c_str());
      return 1;
    }
    LeaseWork work;
    work.spec = std::make_shared<v1::JobSpec>(spec);
    work.task = std::shared_ptr<const Task>(std::move(*task));
    work.state = std::make_shared<State>(InitialState(spec.strategy(), work.task->InitialTheta()));
    const double inference = InferenceRate(flags, work);
    const double evolution = EvolutionRate(flags, work);
    std::printf(
        "{\"numeric_class\": \"%s\", \"kernels\": \"%s\", \"threads\": %d, \"evaluations_per_second\": %.1f, "
        "\"inference_per_second\": %.1f, \"parameters\": %lld, \"scratch_bytes\": %lld}\n",
        name.c_str(), kernels->name.c_str(), flags.threads, evolution, inference,
        static_cast<long long>(work.task->num_parameters()),
        static_cast<long long>(work.task->NewEvaluator()->ScratchBytes()));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace seedcast

int main(int argc, char** argv) {
  seedcast::Flags flags;
  CLI::App app("ES evaluations per second of this machine, beside pure inference with the same kernels");
  app.add_option("--seconds", flags.seconds, "per measurement")->check(CLI::Range(0.1, 600.0));
  app.add_option("--threads", flags.threads, "default: cores")->check(CLI::Range(1, 4096));
  app.add_option("--filters", flags.filters);
  app.add_option("--way", flags.way);
  app.add_option("--shot", flags.shot);
  app.add_option("--query", flags.query);
  app.add_option("--class", flags.classes, "numeric classes to measure");
  CLI11_PARSE(app, argc, argv);
  return seedcast::Main(flags);
}
