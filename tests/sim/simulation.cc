#include "tests/sim/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/strategy/estimator.h"
#include "tests/sim/random_job.h"
#include "tests/sim/sim_task.h"

namespace seedcast::sim {
namespace {

constexpr absl::Duration kTrouble = absl::Seconds(200);
constexpr absl::Duration kPatience = absl::Hours(3);  // after which a job counts as stuck

bool Ended(v1::JobState state) { return state != v1::RUNNING && state != v1::PAUSED; }

}  // namespace

Simulation::Simulation(uint64_t seed)
    : seed_(seed),
      random_(seed),
      calm_from_(queue_.now() + kTrouble),
      fault_rate_(0.05 + random_.Unit() * random_.Unit()),
      double_rate_(random_.Chance(0.5) ? 0.1 : 0.0),
      drop_rate_(random_.Chance(0.3) ? 0.02 : 0.0),
      store_(&random_, [this] { powerless_ = true; }) {}

Simulation::~Simulation() = default;

std::string Simulation::Run() {
  StartCoordinator();
  for (int64_t i = random_.Between(1, 5); i > 0; --i) AddWorker();
  for (int64_t i = random_.Chance(0.6) ? 1 : random_.Between(2, 3); i > 0; --i) AddJob();
  for (size_t i = 0; i < jobs_.size(); ++i) {
    queue_.In(random_.Millis(0, 20'000), [this, i] { TrySubmit(i); });
  }
  if (random_.Chance(0.8)) store_.SetFaults(0.03, 0.01);
  queue_.At(calm_from_, [this] { store_.SetFaults(0, 0); });
  NextFault();
  Tick();
  const absl::Time deadline = queue_.now() + kPatience;
  while (!AllEnded() && failure_.empty() && queue_.now() < deadline) {
    queue_.RunNext();
    if (powerless_) StopCoordinator(random_.Millis(0, 15'000));
  }
  if (!AllEnded()) Fail("a job is stuck");
  Verdict();
  for (const auto& worker : workers_) tally_.rebuilt_generations += worker->rebuilt_generations();
  return failure_.empty() ? "" : absl::StrCat("seed ", seed_, ": ", failure_);
}

// ---- The cluster.

void Simulation::AddWorker() {
  workers_.push_back(std::make_unique<SimWorker>(&queue_, &random_, this, absl::StrCat("w", workers_.size()),
                                                 static_cast<int>(random_.Between(1, 3))));
  SimWorker* worker = workers_.back().get();
  queue_.In(random_.Millis(0, 10'000), [worker] { worker->Start(); });
}

void Simulation::StartCoordinator() {
  CoordinatorOptions options;
  options.lease_target = random_.Millis(50, 500);
  options.build = "sim";
  options.make_task = MakeSimTask;
  coordinator_ = std::make_unique<Coordinator>(options, &store_, this);
  powerless_ = false;
  const absl::Status status = coordinator_->Recover(queue_.now());
  if (!status.ok()) Fail(absl::StrCat("recovery: ", status.ToString()));
}

void Simulation::StopCoordinator(absl::Duration down) {
  ++tally_.restarts;
  coordinator_.reset();
  powerless_ = false;
  coordinator_end_.clear();
  for (const auto& [worker, stream] : std::map(worker_end_)) {
    Break(stream, random_.Millis(1, 3000), false, absl::UnavailableError("coordinator gone"));
  }
  queue_.In(down, [this] { StartCoordinator(); });
}

void Simulation::Tick() {
  if (up()) {
    coordinator_->OnTick(queue_.now());
    LookAtJobs();
  }
  queue_.In(absl::Milliseconds(100), [this] { Tick(); });
}

// ---- The network.

absl::Duration Simulation::Delay() {
  return random_.Chance(0.02) ? random_.Millis(100, 4000) : absl::Microseconds(random_.Between(100, 20'000));
}

void Simulation::Connect(SimWorker& worker, const v1::Hello& hello) {
  auto stream = std::make_shared<Stream>(Stream{&worker, true, queue_.now(), queue_.now()});
  worker_end_[&worker] = stream;
  queue_.In(Delay(), [this, stream, hello] { Greet(stream, hello); });
}

void Simulation::Greet(const std::shared_ptr<Stream>& stream, const v1::Hello& hello) {
  if (!stream->whole) return;
  if (!up()) return Break(stream, Delay(), false, absl::UnavailableError("nobody listens"));
  // A stream of this id that we still believed in is over: it broke without our hearing of it.
  if (const auto old = coordinator_end_.find(hello.worker_id()); old != coordinator_end_.end()) {
    if (old->second->whole) Break(old->second, Delay(), false, absl::UnavailableError("replaced"));
  }
  coordinator_end_[hello.worker_id()] = stream;
  if (const absl::Status status = coordinator_->OnHello(hello, queue_.now()); !status.ok()) {
    Fail(absl::StrCat("hello refused: ", status.ToString()));
  }
}

void Simulation::Send(const std::string& worker_id, const v1::CoordinatorMessage& message) {
  const auto found = coordinator_end_.find(worker_id);
  if (powerless_ || found == coordinator_end_.end()) return;
  const bool opens = message.has_welcome() || message.has_job_opened();  // said once, and all else leans on it
  if (!opens && random_.Chance(drop_rate_)) return;
  const std::shared_ptr<Stream>& stream = found->second;
  stream->last_down = std::max(stream->last_down, queue_.now() + Delay());
  const int copies = !message.has_welcome() && random_.Chance(double_rate_) ? 2 : 1;
  tally_.doubled += copies - 1;
  for (int i = 0; i < copies; ++i) {
    queue_.At(stream->last_down, [stream, message] {
      if (stream->whole) stream->worker->Post(event::Received{message});
    });
  }
}

void Simulation::SendUp(SimWorker& worker, const v1::WorkerMessage& message) {
  const auto found = worker_end_.find(&worker);
  if (found == worker_end_.end() || random_.Chance(drop_rate_)) return;
  const std::shared_ptr<Stream>& stream = found->second;
  stream->last_up = std::max(stream->last_up, queue_.now() + Delay());
  queue_.At(stream->last_up, [this, stream, message] { ArriveUp(stream, message); });
  if (!message.has_result() || !random_.Chance(double_rate_)) return;
  ++tally_.doubled;  // a result a second time, out of order
  queue_.At(stream->last_up + random_.Millis(0, 5000), [this, stream, message] { ArriveUp(stream, message); });
}

void Simulation::ArriveUp(const std::shared_ptr<Stream>& stream, const v1::WorkerMessage& message) {
  if (!stream->whole || !up()) return;
  coordinator_->OnMessage(stream->worker->id(), message, queue_.now());
}

void Simulation::Break(std::shared_ptr<Stream> stream, absl::Duration worker_hears, bool told,
                       const absl::Status& why) {
  if (!stream->whole) return;
  stream->whole = false;
  const auto worker_end = worker_end_.find(stream->worker);
  if (worker_end != worker_end_.end() && worker_end->second == stream) {
    worker_end_.erase(worker_end);
    stream->worker->PostIn(worker_hears, event::Closed{why});
  }
  if (!told) return;
  queue_.In(Delay(), [this, stream] {
    const auto end = coordinator_end_.find(stream->worker->id());
    if (end == coordinator_end_.end() || end->second != stream) return;
    coordinator_end_.erase(end);
    if (up()) coordinator_->OnWorkerGone(stream->worker->id(), queue_.now());
  });
}

void Simulation::Disconnect(SimWorker& worker) {
  const auto found = worker_end_.find(&worker);
  if (found == worker_end_.end()) return;
  const std::shared_ptr<Stream> stream = found->second;
  // In order, after what is on its way.
  queue_.At(stream->last_up, [this, stream] { Break(stream, Delay(), true, absl::OkStatus()); });
}

void Simulation::Close(const std::string& worker_id, const absl::Status& reason) {
  Fail(absl::StrCat("the coordinator closed the stream of ", worker_id, ": ", reason.ToString()));
}

absl::StatusOr<std::vector<v1::GenerationRecord>> Simulation::ReadLog(const v1::GetLogRequest& request) {
  if (!up()) return absl::UnavailableError("nobody listens");
  return coordinator_->Log(request, random_.Between(1, 5));
}

absl::StatusOr<std::string> Simulation::ReadSnapshot(const v1::GetSnapshotRequest& request) {
  if (!up()) return absl::UnavailableError("nobody listens");
  const absl::StatusOr<Coordinator::SharedSnapshot> snapshot = coordinator_->ReadSnapshot(request);
  if (!snapshot.ok()) return snapshot.status();
  return *snapshot->bytes;
}

// ---- Jobs.

void Simulation::AddJob() {
  auto job = std::make_unique<Job>();
  job->spec = RandomJob(random_);
  job->reference = RunSerially(job->spec);
  tally_.carried_jobs += CarriesState(job->spec);
  tally_.clustered_jobs += ClusterCount(job->spec) > 1;
  job->key = absl::StrCat("key-", jobs_.size());
  jobs_.push_back(std::move(job));
}

// Until it is known to be in: a submission whose answer was lost may be repeated, its key makes it one job.
void Simulation::TrySubmit(size_t index) {
  Job& job = *jobs_[index];
  queue_.In(absl::Seconds(1), [this, index] {
    if (jobs_[index]->job_id.empty()) TrySubmit(index);
  });
  if (!up()) return;
  v1::SubmitJobRequest request;
  *request.mutable_spec() = job.spec;
  request.set_idempotency_key(job.key);
  const absl::StatusOr<v1::JobStatus> status = coordinator_->Submit(request, queue_.now());
  if (powerless_) return;
  if (status.ok()) {
    job.job_id = status->job_id();
    if (random_.Chance(0.2)) queue_.In(random_.Millis(1000, 60'000), [this, index] { TryFork(index); });
  } else if (status.status().code() != absl::StatusCode::kResourceExhausted) {
    Fail(absl::StrCat("submit: ", status.status().ToString()));
  }
}

// A fork with the same spec is the same job: same bits from there on. Where state is carried, its inner trainings begin
// anew at the version that it was forked at.
void Simulation::TryFork(size_t index) {
  const Job& parent = *jobs_[index];
  if (!up() || parent.forked || parent.version == 0) return;
  v1::ForkJobRequest request;
  request.set_job_id(parent.job_id);
  request.set_version(random_.Between(0, std::min(parent.version, parent.spec.generations() - 1)));
  const absl::StatusOr<v1::JobStatus> status = coordinator_->Fork(request, queue_.now());
  if (powerless_ || !status.ok()) return;
  ++tally_.forks;
  auto fork = std::make_unique<Job>(parent);
  fork->job_id = status->job_id();
  fork->version = status->version();
  fork->forked = true;
  fork->spec.set_first_generation(CarriesState(fork->spec) ? request.version() : 0);
  if (CarriesState(fork->spec)) {
    fork->reference = RunSerially(fork->spec, parent.reference.at(request.version()));
  }
  jobs_.push_back(std::move(fork));
}

void Simulation::LookAtJobs() {
  ended_ = 0;
  for (const auto& job : jobs_) {
    if (job->job_id.empty()) continue;
    const absl::StatusOr<v1::JobStatus> status = coordinator_->Get(job->job_id, queue_.now());
    if (!status.ok()) return Fail(absl::StrCat(job->job_id, " is lost: ", status.status().ToString()));
    if (status->version() < job->version) return Fail(absl::StrCat(job->job_id, " went back"));
    job->version = status->version();
    const State& expected = job->reference.at(job->version);
    if (status->digest() != ToHex(StateDigest(expected))) {
      return Fail(absl::StrCat(job->job_id, ": version ", job->version, " has other bits than the reference"));
    }
    ended_ += Ended(status->state());
  }
}

// Every job as it should be: its end, its count of failures, its log.
void Simulation::Verdict() {
  if (!failure_.empty()) return;
  for (const auto& job : jobs_) {
    const v1::JobStatus status = *coordinator_->Get(job->job_id, queue_.now());
    const bool fails = !job->forked && job->reference.failed > job->spec.max_failed_evaluations();
    if (job->forked && status.state() == v1::FAILED) continue;  // its bound counts from where it began
    if (status.state() != (fails ? v1::FAILED : v1::SUCCEEDED)) {
      return Fail(absl::StrCat(job->job_id, " ended as ", v1::JobState_Name(status.state()), ": ", status.message()));
    }
    if (fails) continue;
    if (!job->forked && status.failed_evaluations() != job->reference.failed) {
      return Fail(absl::StrCat(job->job_id, " counted ", status.failed_evaluations(), " failed evaluations, expected ",
                               job->reference.failed));
    }
    v1::GetHistoryRequest request;
    request.set_job_id(job->job_id);
    const auto history = coordinator_->History(request);
    if (!history.ok() || history->generations_size() == 0 ||
        history->generations(history->generations_size() - 1).generation() != job->spec.generations()) {
      return Fail(absl::StrCat(job->job_id, ": its log is not closed"));
    }
  }
}

}  // namespace seedcast::sim
