// A small language for tests of WorkerCore: the harness sorts its actions, answers on request what a thread would do
// (tasks, builds), and knows the job's true history.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/digest.h"
#include "common/spec/resolve.h"
#include "common/strategy/update.h"
#include "worker/runtime/build_state.h"
#include "worker/runtime/worker_core.h"
#include "worker/tasks/task.h"

namespace seedcast {

inline v1::JobSpec SmallJob(int64_t population_size = 4) {
  v1::JobSpec spec;
  spec.mutable_sphere()->set_dimension(3);
  spec.mutable_strategy()->set_population_size(population_size);
  spec.set_generations(1000);
  return *Resolve(spec);
}

inline std::shared_ptr<const Task> TaskOf(const v1::JobSpec& spec) {
  return *MakeTask(spec, [](const std::string&) { return absl::NotFoundError("no artifacts here"); });
}

// The fitness of each generation and the state at each version of a job.
class History {
 public:
  explicit History(v1::JobSpec spec) : spec_(std::move(spec)) {
    states_.push_back(InitialState(spec_.strategy(), TaskOf(spec_)->InitialTheta()));
  }

  const State& at(int64_t version) {
    while (static_cast<int64_t>(states_.size()) <= version) {
      State next = states_.back();
      EXPECT_TRUE(Update(spec_, {Fitness(next.version), {}}, 1, &next).ok());
      states_.push_back(std::move(next));
    }
    return states_[version];
  }
  std::string digest(int64_t version) { return ToHex(StateDigest(at(version))); }

  std::vector<float> Fitness(int64_t generation) const {
    std::vector<float> fitness;
    for (int64_t i = 0; i < spec_.strategy().population_size(); ++i) fitness.push_back((generation + i * i) % 7);
    return fitness;
  }
  std::vector<v1::GenerationRecord> Log(int64_t from, int64_t to) const {
    std::vector<v1::GenerationRecord> records;
    for (int64_t g = from; g < to; ++g) {
      v1::GenerationRecord& record = records.emplace_back();
      record.set_generation(g);
      for (const float f : Fitness(g)) record.add_fitness(f);
    }
    return records;
  }

 private:
  v1::JobSpec spec_;
  std::vector<State> states_;
};

class CoreHarness {
 public:
  explicit CoreHarness(int slots = 2, v1::JobSpec spec = SmallJob(), uint64_t jitter_seed = 1)
      : history(spec), spec(std::move(spec)), core_(Options(slots, jitter_seed)) {}

  // What happened. Each returns after the core has answered; its actions are sorted into the members below.
  void Give(WorkerEvent event) {
    for (WorkerAction& action : core_.Handle(std::move(event), now)) {
      std::visit([this](auto& a) { Sort(std::move(a)); }, action);
    }
  }
  void Start() { Give(event::Start{}); }
  void Welcome(int heartbeat_ms = 1000) {
    v1::CoordinatorMessage message;
    message.mutable_welcome()->set_heartbeat_ms(heartbeat_ms);
    Receive(message);
  }
  void Online() {
    Start();
    Welcome();
    OpenJob();
  }
  // Online with these leases of version 0: as many run as there are slots, the others wait.
  void OnlineWith(std::initializer_list<int64_t> leases) {
    Online();
    for (const int64_t id : leases) Lease(id, 0);
    Work();
  }
  // The stream breaks, and is there again after the backoff; jobs are not open yet.
  void Reconnect() {
    Break();
    PassUntilTick();
    Welcome();
  }
  void OpenJob() { OpenJob(spec); }
  void OpenJob(const v1::JobSpec& opened) {
    v1::CoordinatorMessage message;
    message.mutable_job_opened()->set_job_id("job-1");
    *message.mutable_job_opened()->mutable_spec() = opened;
    Receive(message);
  }
  void CloseJob() {
    v1::CoordinatorMessage message;
    message.mutable_job_closed()->set_job_id("job-1");
    Receive(message);
  }
  v1::Lease PairLease(int64_t id, int64_t version, int64_t first_pair = 0, int32_t count = 1) {
    v1::Lease lease;
    lease.set_lease_id(id);
    lease.set_job_id("job-1");
    lease.set_version(version);
    lease.set_digest(history.digest(version));
    lease.mutable_pairs()->set_first_pair(first_pair);
    lease.mutable_pairs()->set_count(count);
    return lease;
  }
  v1::Lease EpisodeLease(int64_t id, int64_t version) {
    v1::Lease lease = PairLease(id, version);
    lease.mutable_episodes()->set_count(3);
    return lease;
  }
  void Lease(const v1::Lease& lease) {
    v1::CoordinatorMessage message;
    *message.mutable_lease() = lease;
    Receive(message);
  }
  void Lease(int64_t id, int64_t version) { Lease(PairLease(id, version)); }
  void CloseGeneration(int64_t generation) {
    v1::CoordinatorMessage message;
    v1::GenerationClosed* closed = message.mutable_generation_closed();
    closed->set_job_id("job-1");
    closed->set_generation(generation);
    for (const float f : history.Fitness(generation)) closed->add_fitness(f);
    Receive(message);
  }
  void Revoke(int64_t lease_id) {
    v1::CoordinatorMessage message;
    message.mutable_revoke()->add_lease_id(lease_id);
    Receive(message);
  }
  void CoordinatorDrains() {
    v1::CoordinatorMessage message;
    message.mutable_drain();
    Receive(message);
  }
  void Receive(const v1::CoordinatorMessage& message) { Give(event::Received{message}); }
  void Break(absl::Status status = absl::UnavailableError("broken")) { Give(event::Closed{std::move(status)}); }
  void FinishSlot(int slot) {
    event::SlotDone done{.slot = slot, .complete = true, .result = {}};
    const v1::Lease& lease = running.at(slot).lease;
    done.result.set_job_id(lease.job_id());
    done.result.set_version(lease.version());
    running.erase(slot);
    Give(std::move(done));
  }
  void AnswerLog(absl::StatusOr<std::vector<v1::GenerationRecord>> records) {
    Give(event::LogFetched{std::exchange(log, {})->id, std::move(records)});
  }
  void AnswerLog() { AnswerLog(history.Log(log->from, log->to)); }
  void AnswerSnapshot(absl::StatusOr<std::string> bytes) {
    Give(event::SnapshotFetched{std::exchange(snapshot, {})->id, std::move(bytes)});
  }
  void AnswerSnapshot(int64_t version) { AnswerSnapshot(SerializeState(history.at(version))); }
  // Makes the tasks and builds the states that were asked for, until there are none.
  void Work() {
    while (make || build) {
      if (make) Give(event::TaskMade{make->id, TaskOf(*std::exchange(make, {})->spec)});
      if (build) Give(RunBuildState(*std::exchange(build, {})));
    }
  }
  void Pass(absl::Duration time) {
    now += time;
    Give(event::Tick{});
  }
  void PassUntilTick() {
    now = core_.next_tick();
    Give(event::Tick{});
  }

  // The ids of the leases that run, slot by slot.
  std::vector<int64_t> Running() const {
    std::vector<int64_t> ids;
    for (const auto& [slot, work] : running) ids.push_back(work.lease.lease_id());
    return ids;
  }
  // The messages since the last call.
  std::vector<v1::WorkerMessage> TakeSent() { return std::exchange(sent, {}); }

  absl::Time now = absl::UnixEpoch();
  History history;
  const v1::JobSpec spec;

  int connects = 0;
  int disconnects = 0;
  std::vector<v1::WorkerMessage> sent;
  std::map<int, LeaseWork> running;  // by slot
  std::vector<int> cancelled;        // slots
  std::optional<action::FetchLog> log;
  std::optional<action::FetchSnapshot> snapshot;
  std::optional<action::FetchArtifact> artifact;
  std::optional<action::MakeTask> make;
  std::optional<action::BuildState> build;
  std::optional<absl::Status> exit;

  WorkerCore& core() { return core_; }

 private:
  static WorkerCoreOptions Options(int slots, uint64_t jitter_seed) {
    WorkerCoreOptions options;
    options.jitter_seed = jitter_seed;
    options.hello.set_worker_id("w1");
    options.hello.set_slots(slots);
    return options;
  }

  void Sort(action::Connect) { ++connects; }
  void Sort(action::Disconnect) { ++disconnects; }
  void Sort(action::Send action) { sent.push_back(std::move(action.message)); }
  void Sort(action::RunLease action) {
    EXPECT_FALSE(running.contains(action.slot)) << "a busy slot was given a lease";
    EXPECT_EQ(action.work.state->version, action.work.lease.version());
    EXPECT_EQ(ToHex(StateDigest(*action.work.state)), action.work.lease.digest());
    running[action.slot] = std::move(action.work);
  }
  void Sort(action::CancelLease action) { cancelled.push_back(action.slot); }
  void Sort(action::FetchLog action) { log = std::move(action); }
  void Sort(action::FetchSnapshot action) { snapshot = std::move(action); }
  void Sort(action::FetchArtifact action) { artifact = std::move(action); }
  void Sort(action::MakeTask action) { make = std::move(action); }
  void Sort(action::BuildState action) { build = std::move(action); }
  void Sort(action::Exit action) { exit = std::move(action.status); }

  WorkerCore core_;
};

}  // namespace seedcast
