// What goes wrong in a simulation, and what users do meanwhile.
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/sim_task.h"
#include "tests/sim/simulation.h"

namespace seedcast::sim {

void Simulation::NextFault() {
  queue_.In(random_.Wait(fault_rate_), [this] {
    if (queue_.now() >= calm_from_) return;
    Fault();
    NextFault();
  });
}

void Simulation::Fault() {
  SimWorker* worker = workers_[random_.Between(0, static_cast<int64_t>(workers_.size()) - 1)].get();
  const auto stream = worker_end_.find(worker);
  switch (random_.Between(0, 9)) {
    case 0:
    case 1:  // the stream breaks; the coordinator may not hear of it
      if (stream == worker_end_.end()) return;
      ++tally_.broken_streams;
      return Break(stream->second, random_.Millis(0, 20'000), random_.Chance(0.7), absl::UnavailableError("broken"));
    case 2:
    case 3:
      if (!worker->running()) return;
      ++tally_.crashes;
      if (stream != worker_end_.end()) {
        Break(stream->second, absl::ZeroDuration(), random_.Chance(0.7), absl::UnavailableError("crashed"));
      }
      worker->Crash();
      return queue_.In(random_.Millis(100, 40'000), [worker] {
        if (!worker->running()) worker->Start();
      });
    case 4:
      ++tally_.freezes;
      return worker->Freeze(random_.Millis(500, 60'000));
    case 5:
      if (up()) StopCoordinator(random_.Millis(0, 20'000));
      return;
    case 6:  // leaves in good order, and comes back
      if (worker->running()) worker->Drain();
      return queue_.In(random_.Millis(5'000, 40'000), [this, worker] {
        if (worker->running()) {  // still busy with a lease: now it must go
          if (const auto end = worker_end_.find(worker); end != worker_end_.end()) {
            Break(end->second, absl::ZeroDuration(), true, absl::UnavailableError("killed"));
          }
          worker->Crash();
        }
        worker->Start();
      });
    case 7:
      if (workers_.size() < 8) AddWorker();
      return;
    case 8:
      return PauseAWhile();
    default:
      return EvaluateSomething();
  }
}

void Simulation::PauseAWhile() {
  const Job& job = *jobs_[random_.Between(0, static_cast<int64_t>(jobs_.size()) - 1)];
  if (!up() || job.job_id.empty() || !coordinator_->Pause(job.job_id, queue_.now()).ok()) return;
  const auto resume = [this, job_id = job.job_id](auto& self) -> void {
    const bool done =
        up() && coordinator_->Resume(job_id, queue_.now()).status().code() != absl::StatusCode::kResourceExhausted;
    if (!done) queue_.In(absl::Seconds(1), [self]() mutable { self(self); });
  };
  queue_.In(random_.Millis(10, 20'000), [resume]() mutable { resume(resume); });
}

void Simulation::EvaluateSomething() {
  Job* job = jobs_[random_.Between(0, static_cast<int64_t>(jobs_.size()) - 1)].get();
  if (!up() || job->job_id.empty()) return;
  v1::EvaluateJobRequest request;
  request.set_job_id(job->job_id);
  request.mutable_spec()->set_episodes(static_cast<int32_t>(random_.Between(1, 12)));
  if (random_.Chance(0.5)) request.set_version(random_.Between(0, job->version));
  const auto check = [this, job](const absl::StatusOr<v1::EvaluateJobProgress>& progress) {
    if (!progress.ok()) return Fail(absl::StrCat("evaluation: ", progress.status().ToString()));
    if (!progress->has_result()) return;
    const v1::EvaluationResult& result = progress->result();
    const State& state = job->reference.at(result.version());
    const auto task = *MakeSimTask(job->spec);
    const std::unique_ptr<Evaluator> evaluator = task->NewEvaluator();
    double sum = 0;
    for (int32_t i = 0; i < result.spec().episodes(); ++i) {
      sum += evaluator->Measure(state.theta, result.spec(), i)->fitness;
    }
    const double expected = sum / result.spec().episodes();
    if (std::abs(result.fitness() - expected) > 1e-9 * (1 + std::abs(expected))) {
      Fail("an evaluation measured other parameters");
    }
    ++tally_.evaluations_checked;
  };
  const absl::StatusOr<int64_t> id = coordinator_->Evaluate(request, check, queue_.now());
  if (!id.ok() && !request.has_version()) Fail(absl::StrCat("evaluate: ", id.status().ToString()));
  if (id.ok() && random_.Chance(0.2)) coordinator_->CancelEvaluation(*id, queue_.now());
}

}  // namespace seedcast::sim
