#include "worker/runtime/worker.h"

#include <atomic>
#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/control_group.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "common/version.h"
#include "common/work_thread.h"
#include "worker/data/artifacts.h"
#include "worker/data/locate.h"
#include "worker/runtime/build_state.h"
#include "worker/runtime/worker_core.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

constexpr int kMaxSlots = 4096;
constexpr int kMaxInnerStateMb = 1 << 20;
constexpr size_t kMaxIdBytes = 200;

WorkerCoreOptions CoreOptions(const WorkerOptions& options) {
  WorkerCoreOptions core;
  core.hello.set_protocol_version(kProtocolVersion);
  core.hello.set_build(SEEDCAST_VERSION);
  core.hello.set_worker_id(options.id);
  core.hello.set_slots(options.slots);
  const google::protobuf::OneofDescriptor* tasks = v1::JobSpec::descriptor()->FindOneofByName("task");
  for (int i = 0; i < tasks->field_count(); ++i) core.hello.add_tasks(tasks->field(i)->name());
  for (const NumericClassProof& proof : ProveNumericClasses()) {
    v1::ClassProof* shown = core.hello.add_proofs();
    shown->set_numeric_class(proof.numeric_class);
    shown->set_kernels(proof.kernels);
    shown->set_digest(proof.digest);
  }
  core.inner_state_bytes = int64_t{options.inner_state_mb} << 20;
  core.jitter_seed = std::hash<std::string>()(options.id);  // workers that lost one coordinator do not return in step
  return core;
}

int64_t MemoryOfSlot(const WorkerOptions& options) {
  const int64_t all = options.memory_bytes > 0 ? options.memory_bytes : UsableMemory() / 4 * 3;
  return all / options.slots;
}

std::string ArtifactDirectory(const WorkerOptions& options) {
  DataOptions data = DataOptions::FromEnvironment();
  if (!options.cache_directory.empty()) data.cache_directory = options.cache_directory;
  return data.ArtifactDirectory();
}

}  // namespace

absl::Status WorkerOptions::Validate() const {
  if (id.empty() || id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(absl::StrCat("id: '", id, "', expected 1 .. ", kMaxIdBytes, " characters"));
  }
  if (slots < 1 || slots > kMaxSlots) {
    return absl::InvalidArgumentError(absl::StrCat("slots: ", slots, ", expected 1 .. ", kMaxSlots));
  }
  if (inner_state_mb < 0 || inner_state_mb > kMaxInnerStateMb) {
    return absl::InvalidArgumentError(
        absl::StrCat("inner-state-mb: ", inner_state_mb, ", expected 0 .. ", kMaxInnerStateMb));
  }
  return absl::OkStatus();
}

// Everybody posts events; one thread hands them to the core and does what it says.
class Worker::Impl final : public Transport::Receiver {
 public:
  Impl(WorkerOptions options, std::unique_ptr<Transport> transport)
      : core_(CoreOptions(options)),
        slot_memory_(MemoryOfSlot(options)),
        transport_(std::move(transport)),
        artifacts_(ArtifactDirectory(options)) {
    for (int i = 0; i < options.slots; ++i) slots_.push_back(std::make_unique<Slot>());
  }
  ~Impl() override {
    if (!thread_.joinable()) return;
    Post(event::DrainRequested{});
    Post(event::DrainRequested{});
    thread_.join();
  }

  void Start() {
    Post(event::Start{});
    thread_ = std::thread([this] { Loop(); });
  }
  absl::Status Join() {
    thread_.join();
    return exit_status_;
  }

  void Post(WorkerEvent event) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }

  WorkerFigures figures() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return figures_;
  }

  // Transport::Receiver, on the transport's threads.
  void OnMessage(const v1::CoordinatorMessage& message) override { Post(event::Received{message}); }
  void OnClosed(const absl::Status& status) override { Post(event::Closed{status}); }

 private:
  struct Slot {
    LeaseControl control;
    LeaseEvaluator evaluator;  // the thread's
    WorkThread thread{WorkThread::AtEnd::kDropWhatWaits};
  };

  void Loop();
  std::deque<WorkerEvent> TakeEvents() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasEvents() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !events_.empty(); }
  void Handle(WorkerEvent event);
  event::Tick TickNow() const;
  void Stop();

  void Do(action::Connect action) { transport_->Connect(action.hello, this); }
  void Do(action::Disconnect) { transport_->Disconnect(); }
  void Do(action::Send action) { transport_->Send(action.message); }
  void Do(action::RunLease action);
  void Do(action::CancelLease action) { slots_[action.slot]->control.cancelled = true; }
  void Do(action::FetchLog action);
  void Do(action::FetchSnapshot action);
  void Do(action::FetchArtifact action);
  void Do(action::MakeTask action);
  void Do(action::BuildState action);
  void Do(action::Exit action);

  void Evaluate(int index, LeaseWork work);
  absl::Status Keep(const std::string& digest, absl::StatusOr<std::string> bytes);
  absl::StatusOr<std::shared_ptr<const Task>> Make(const v1::JobSpec& spec) const;

  const SteadyClock clock_;
  mutable absl::Mutex mutex_;
  std::deque<WorkerEvent> events_ ABSL_GUARDED_BY(mutex_);
  WorkerFigures figures_ ABSL_GUARDED_BY(mutex_);

  // The core's thread's, once it runs.
  WorkerCore core_;
  const int64_t slot_memory_;  // bytes
  std::unique_ptr<Transport> transport_;
  bool exited_ = false;
  absl::Status exit_status_;

  ArtifactStore artifacts_;  // thread-safe
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<Slot>> slots_;
  // Parameters and data: one at a time, so that a replay has the idle cores to itself.
  std::unique_ptr<WorkThread> background_ = std::make_unique<WorkThread>(WorkThread::AtEnd::kDropWhatWaits);
  std::thread thread_;
};

void Worker::Impl::Loop() {
  while (!exited_) {
    for (WorkerEvent& event : TakeEvents()) Handle(std::move(event));
    if (!exited_ && clock_.Now() >= core_.next_tick()) Handle(TickNow());
    absl::MutexLock lock(&mutex_);
    figures_ = core_.figures();
  }
  Stop();
}

std::deque<WorkerEvent> Worker::Impl::TakeEvents() {
  absl::MutexLock lock(&mutex_);
  const absl::Duration wait = core_.next_tick() - clock_.Now();
  mutex_.AwaitWithTimeout(absl::Condition(this, &Impl::HasEvents), wait);
  return std::exchange(events_, {});
}

void Worker::Impl::Handle(WorkerEvent event) {
  for (WorkerAction& action : core_.Handle(std::move(event), clock_.Now())) {
    std::visit([this](auto& a) { Do(std::move(a)); }, action);
  }
}

event::Tick Worker::Impl::TickNow() const {
  event::Tick tick;
  for (const auto& slot : slots_) tick.done.push_back(slot->control.done.load(std::memory_order_relaxed));
  return tick;
}

// Whoever may post is gone before what they post to.
void Worker::Impl::Stop() {
  stopping_ = true;
  for (const auto& slot : slots_) slot->control.cancelled = true;
  slots_.clear();
  transport_.reset();  // answers every fetch, and its answers post to the background thread
  background_.reset();
}

void Worker::Impl::Do(action::RunLease action) {
  Slot& slot = *slots_[action.slot];
  slot.control.cancelled = false;
  slot.control.done = 0;
  slot.thread.Post(
      [this, index = action.slot, work = std::move(action.work)]() mutable { Evaluate(index, std::move(work)); });
}

void Worker::Impl::Evaluate(int index, LeaseWork work) {
  Slot& slot = *slots_[index];
  event::SlotDone done{.slot = index, .complete = false, .result = {}};
  const absl::Time began = clock_.Now();
  done.complete = slot.evaluator.Run(work, &slot.control, &done.result);
  done.result.set_seconds(absl::ToDoubleSeconds(clock_.Now() - began));
  done.slot_bytes = slot.evaluator.ScratchBytes();
  work = {};  // lets go of the state before the core hears of it
  Post(std::move(done));
}

void Worker::Impl::Do(action::FetchLog action) {
  transport_->FetchLog(action.job_id, action.from, action.to,
                       [this, id = action.id](absl::StatusOr<std::vector<v1::GenerationRecord>> records) {
                         Post(event::LogFetched{id, std::move(records)});
                       });
}

void Worker::Impl::Do(action::FetchSnapshot action) {
  transport_->FetchSnapshot(action.job_id, action.at_or_below,
                            [this, id = action.id](absl::StatusOr<std::string> bytes) {
                              Post(event::SnapshotFetched{id, std::move(bytes)});
                            });
}

void Worker::Impl::Do(action::FetchArtifact action) {
  if (artifacts_.Has(action.digest)) {
    return Post(event::ArtifactFetched{.id = action.id, .status = absl::OkStatus(), .was_here = true});
  }
  LogInfo("fetching data set", {{"digest", action.digest}});
  transport_->FetchArtifact(action.digest, [this, action](absl::StatusOr<std::string> bytes) {
    background_->Post([this, action, bytes = std::move(bytes)]() mutable {
      Post(event::ArtifactFetched{.id = action.id, .status = Keep(action.digest, std::move(bytes))});
    });
  });
}

absl::Status Worker::Impl::Keep(const std::string& digest, absl::StatusOr<std::string> bytes) {
  if (!bytes.ok()) return bytes.status();
  const std::string found = artifacts_.Put(*std::move(bytes));
  if (found == digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("asked for artifact ", digest, ", got ", found));
}

void Worker::Impl::Do(action::MakeTask action) {
  background_->Post([this, action = std::move(action)] { Post(event::TaskMade{action.id, Make(*action.spec)}); });
}

// FAILED_PRECONDITION for what would not fit into this machine: its leases go back to the coordinator, for others.
absl::StatusOr<std::shared_ptr<const Task>> Worker::Impl::Make(const v1::JobSpec& spec) const {
  ASSIGN_OR_RETURN(std::unique_ptr<Task> task,
                   seedcast::MakeTask(spec, [this](const std::string& digest) { return artifacts_.Get(digest); }));
  const absl::Status fits = task->CheckMemory(slot_memory_);
  if (fits.ok()) return std::shared_ptr<const Task>(std::move(task));
  return absl::FailedPreconditionError(absl::StrCat(fits.message(), " for each of this worker's slots"));
}

void Worker::Impl::Do(action::BuildState action) {
  background_->Post(
      [this, action = std::move(action)]() mutable { Post(RunBuildState(std::move(action), &stopping_)); });
}

void Worker::Impl::Do(action::Exit action) {
  exited_ = true;
  exit_status_ = std::move(action.status);
}

Worker::Worker(WorkerOptions options, std::unique_ptr<Transport> transport)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(transport))) {}
Worker::~Worker() = default;

absl::Status Worker::Run() {
  Start();
  return Join();
}
void Worker::Start() { impl_->Start(); }
absl::Status Worker::Join() { return impl_->Join(); }
void Worker::RequestDrain() { impl_->Post(event::DrainRequested{}); }
WorkerFigures Worker::figures() const { return impl_->figures(); }
v1::WorkerStats Worker::stats() const { return figures().stats; }

}  // namespace seedcast
