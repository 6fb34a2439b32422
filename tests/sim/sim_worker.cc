#include "tests/sim/sim_worker.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/sim_task.h"
#include "tests/testing/f32_hello.h"
#include "worker/runtime/build_state.h"

namespace seedcast::sim {
namespace {

constexpr double kFetchFails = 0.03;

}  // namespace

SimWorker::SimWorker(EventQueue* queue, Random* random, Network* network, std::string id, int slots)
    : queue_(*queue),
      random_(*random),
      network_(*network),
      id_(std::move(id)),
      slot_count_(slots),
      seconds_per_pair_(0.02 + 1.0 * random->Unit() * random->Unit()) {}

void SimWorker::Start() {
  ++life_;
  tick_at_ = absl::InfiniteFuture();
  frozen_until_ = absl::InfinitePast();
  slots_.clear();
  for (int i = 0; i < slot_count_; ++i) slots_.push_back(std::make_unique<Slot>());
  WorkerCoreOptions options;
  options.hello = F32Hello(id_, slot_count_, {"sphere", "influence", "learned_optimizer"});
  constexpr int64_t kInnerStateBytes[] = {0, 2'000, 10'000, 1 << 20};
  options.inner_state_bytes = kInnerStateBytes[random_.Between(0, 3)];
  options.jitter_seed = static_cast<uint64_t>(random_.Between(0, 1 << 30));
  core_ = std::make_unique<WorkerCore>(options);
  Post(event::Start{});
}

void SimWorker::Crash() {
  rebuilt_before_ = rebuilt_generations();
  ++life_;
  core_.reset();
  slots_.clear();
}

int64_t SimWorker::rebuilt_generations() const {
  return rebuilt_before_ + (core_ ? core_->stats().rebuilt_generations() : 0);
}

void SimWorker::Later(absl::Duration delay, std::function<void()> body) {
  queue_.In(delay, [this, life = life_, body = std::move(body)]() mutable {
    if (life != life_ || core_ == nullptr) return;
    if (queue_.now() < frozen_until_) {
      Later(frozen_until_ - queue_.now(), std::move(body));
    } else {
      body();
    }
  });
}

void SimWorker::PostIn(absl::Duration delay, WorkerEvent event) {
  Later(delay, [this, event = std::move(event)]() mutable { Handle(std::move(event)); });
}

void SimWorker::Handle(WorkerEvent event) {
  const int64_t life = life_;
  for (WorkerAction& action : core_->Handle(std::move(event), queue_.now())) {
    std::visit([this](auto& a) { Do(std::move(a)); }, action);
    if (life != life_) return;  // it exited
  }
  ScheduleTick();
}

void SimWorker::ScheduleTick() {
  const absl::Time due = core_->next_tick();
  if (due >= tick_at_) return;
  tick_at_ = due;
  Later(due - queue_.now(), [this, due] {
    if (tick_at_ != due) return;
    tick_at_ = absl::InfiniteFuture();
    Handle(event::Tick{});
  });
}

void SimWorker::Do(action::RunLease action) {
  Slot& slot = *slots_.at(action.slot);
  slot.run = ++runs_;
  slot.control.cancelled = false;
  const int count =
      action.work.lease.has_pairs() ? action.work.lease.pairs().count() : action.work.lease.episodes().count();
  const int cost = 1 + action.work.lease.pairs().cluster();
  double seconds = seconds_per_pair_ * cost * count * (0.5 + random_.Unit());
  if (random_.Chance(0.01)) seconds *= 300;  // something else wants the core
  Later(absl::Seconds(seconds), [this, slot = action.slot, run = runs_, work = std::move(action.work),
                                 seconds]() mutable { FinishLease(slot, run, std::move(work), seconds); });
}

void SimWorker::FinishLease(int slot_index, int64_t run, LeaseWork work, double seconds) {
  Slot& slot = *slots_.at(slot_index);
  if (slot.run != run) return;  // was cancelled, and something else may run here
  slot.run = 0;
  event::SlotDone done{slot_index, false, {}, 0};
  done.complete = slot.evaluator.Run(work, &slot.control, &done.result);
  done.result.set_seconds(seconds);
  work = {};
  Handle(std::move(done));
}

void SimWorker::Do(action::CancelLease action) {
  Slot& slot = *slots_.at(action.slot);
  slot.control.cancelled = true;
  Later(random_.Millis(0, 50), [this, index = action.slot, run = slot.run] {
    Slot& cancelled = *slots_.at(index);
    if (cancelled.run != run || run == 0) return;  // it had ended by itself
    cancelled.run = 0;
    Handle(event::SlotDone{index, false, {}, 0});
  });
}

void SimWorker::Do(action::FetchLog action) {
  Later(random_.Millis(1, 300), [this, action] {
    v1::GetLogRequest request;
    request.set_job_id(action.job_id);
    request.set_from_generation(action.from);
    request.set_to_generation(action.to);
    const bool lost = random_.Chance(kFetchFails);
    PostIn(random_.Millis(1, 300),
           event::LogFetched{action.id, lost ? absl::UnavailableError("lost") : network_.ReadLog(request)});
  });
}

void SimWorker::Do(action::FetchSnapshot action) {
  Later(random_.Millis(1, 300), [this, action] {
    v1::GetSnapshotRequest request;
    request.set_job_id(action.job_id);
    request.set_at_or_below_version(action.at_or_below);
    const bool lost = random_.Chance(kFetchFails);
    PostIn(random_.Millis(1, 300),
           event::SnapshotFetched{action.id, lost ? absl::UnavailableError("lost") : network_.ReadSnapshot(request)});
  });
}

void SimWorker::Do(action::MakeTask action) {
  event::TaskMade made{action.id, absl::UnavailableError("no data")};
  if (!random_.Chance(kFetchFails)) made.task = std::shared_ptr<const Task>(*MakeSimTask(*action.spec));
  PostIn(random_.Millis(0, 500), std::move(made));
}

void SimWorker::Do(action::BuildState action) {
  const absl::Duration duration = random_.Millis(1, 20) * (1 + action.outcomes.size());
  Later(duration, [this, action = std::move(action)]() mutable { Handle(RunBuildState(std::move(action))); });
}

void SimWorker::Do(action::Exit) {
  network_.Disconnect(*this);
  Crash();
}

}  // namespace seedcast::sim
