// A coordinator over a memory store, with workers that answer when told. What they answer is a function of the member,
// so that two coordinators that do the same come to the same bits.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/coordinator.h"
#include "tests/testing/f32_hello.h"

namespace seedcast {

// Refuses writes while told to.
class StoreThatMayRefuse final : public Store {
 public:
  absl::Status refusal = absl::OkStatus();

  absl::StatusOr<std::string> CreateJob(JobRow row, const Snapshot& first) override {
    if (!refusal.ok()) return refusal;
    return store_->CreateJob(std::move(row), first);
  }
  absl::Status SetJobState(const std::string& job_id, v1::JobState state, const std::string& message) override {
    return refusal.ok() ? store_->SetJobState(job_id, state, message) : refusal;
  }
  absl::Status SetJobProof(const std::string& job_id, const std::string& proof) override {
    return refusal.ok() ? store_->SetJobProof(job_id, proof) : refusal;
  }
  absl::Status AppendGeneration(const std::string& job_id, const v1::GenerationRecord& record,
                                const Snapshot* snapshot) override {
    return refusal.ok() ? store_->AppendGeneration(job_id, record, snapshot) : refusal;
  }
  absl::Status PutSnapshot(const std::string& job_id, const Snapshot& snapshot) override {
    return refusal.ok() ? store_->PutSnapshot(job_id, snapshot) : refusal;
  }
  absl::Status DeleteSnapshots(const std::string& job_id, const std::vector<int64_t>& versions) override {
    return refusal.ok() ? store_->DeleteSnapshots(job_id, versions) : refusal;
  }
  absl::StatusOr<std::vector<JobRow>> ReadJobs() override { return store_->ReadJobs(); }
  absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const std::string& job_id, int64_t from, int64_t to,
                                                            int64_t limit) override {
    largest_limit = std::max(largest_limit, limit);
    if (on_read_log) on_read_log(from);
    auto records = store_->ReadLog(job_id, from, to, limit);
    if (records.ok()) {
      for (v1::GenerationRecord& record : *records) {
        if (record.generation() == damaged_generation) record.set_fitness(0, 12345);
      }
    }
    return records;
  }
  absl::StatusOr<std::vector<int64_t>> SnapshotVersions(const std::string& job_id) override {
    return store_->SnapshotVersions(job_id);
  }
  absl::StatusOr<Snapshot> ReadSnapshot(const std::string& job_id, int64_t at_or_below) override {
    return store_->ReadSnapshot(job_id, at_or_below);
  }

  int64_t damaged_generation = -1;
  int64_t largest_limit = 0;  // of ReadLog so far
  std::function<void(int64_t from)> on_read_log;

 private:
  const std::unique_ptr<Store> store_ = MakeMemoryStore();
};

class CoordinatorTest : public ::testing::Test, public WorkerLinks {
 protected:
  CoordinatorTest() { Start(); }

  void Start() {
    coordinator_ = nullptr;
    inbox_.clear();
    CoordinatorOptions options;
    options.build = "test";
    options.max_jobs = 20;
    options.lease_ttl = lease_ttl_;
    options.make_task = [this](const v1::JobSpec& spec) -> absl::StatusOr<std::unique_ptr<Task>> {
      if (!no_task_.ok()) return no_task_;
      return MakeTask(spec, nullptr);
    };
    coordinator_ = std::make_unique<Coordinator>(options, &store_, this);
    ASSERT_TRUE(coordinator_->Recover(now_).ok());
  }

  // ---- WorkerLinks.
  void Send(const std::string& worker_id, const v1::CoordinatorMessage& message) override {
    sent_.push_back({worker_id, message});
    if (message.has_lease()) inbox_[worker_id].push_back(message.lease());
    if (message.has_revoke()) {
      for (const int64_t id : message.revoke().lease_id()) {
        std::erase_if(inbox_[worker_id], [&](const v1::Lease& lease) { return lease.lease_id() == id; });
      }
    }
    if (on_send_) on_send_(message);
  }
  void Broadcast(const std::vector<std::string>& worker_ids, const v1::CoordinatorMessage& message) override {
    broadcasts_.push_back(worker_ids);
    WorkerLinks::Broadcast(worker_ids, message);
  }
  void Close(const std::string& worker_id, const absl::Status& reason) override { closed_[worker_id] = reason; }

  // ---- Workers.
  static v1::Hello HelloOf(const std::string& worker) {
    return F32Hello(worker, /*slots=*/2, {"sphere", "influence", "learned_optimizer"});
  }
  void Join(const std::string& worker) { ASSERT_TRUE(coordinator_->OnHello(HelloOf(worker), now_).ok()); }

  static float FitnessOf(int64_t generation, int64_t member) {
    return static_cast<float>((member * 37 + generation * 11) % 17);
  }
  v1::WorkerMessage Answer(const v1::Lease& lease) const {
    v1::WorkerMessage message;
    v1::LeaseResult& result = *message.mutable_result();
    result.set_lease_id(lease.lease_id());
    result.set_job_id(lease.job_id());
    result.set_version(lease.version());
    result.set_seconds(0.1);
    if (lease.has_pairs()) {
      *result.mutable_pairs() = lease.pairs();
      for (int64_t m = 0; m < 2 * lease.pairs().count(); ++m) {
        result.add_fitness(FitnessOf(lease.version(), 2 * lease.pairs().first_pair() + m) +
                           static_cast<float>(100 * lease.pairs().cluster()));
      }
      for (int64_t i = 0; i < lease.pairs().count() * gradient_size_; ++i) {
        result.add_gradient(FitnessOf(lease.version(), lease.pairs().first_pair() + i / gradient_size_));
      }
    } else {
      *result.mutable_episodes() = lease.episodes();
      for (int i = 0; i < lease.episodes().count(); ++i) {
        result.add_fitness(1);
        result.add_accuracy(AccuracyOf(lease.version(), lease.episodes().first_episode() + i));
      }
    }
    return message;
  }
  // Version 4 is the best one; episodes alternate around the mean.
  static float AccuracyOf(int64_t version, int64_t episode) {
    return (version == 4 ? 0.75f : 0.5f) + (episode % 2 == 0 ? 0.125f : -0.125f);
  }
  // One lease is answered, a tenth of a second later. False: nobody has any.
  bool Step() {
    for (auto& [worker, leases] : inbox_) {
      if (leases.empty()) continue;
      now_ += absl::Milliseconds(100);
      const v1::Lease lease = leases.front();
      leases.pop_front();
      coordinator_->OnMessage(worker, Answer(lease), now_);
      return true;
    }
    return false;
  }
  void TickForSeconds(int seconds) {
    for (int i = 0; i < 10 * seconds; ++i) {
      now_ += absl::Milliseconds(100);
      coordinator_->OnTick(now_);
    }
  }
  void RunUntilIdle() {
    for (int i = 0; i < 100'000 && Step(); ++i) {
    }
  }
  void RunTo(const std::string& job_id, int64_t version) {
    for (int i = 0; i < 100'000 && StatusOf(job_id).version() < version; ++i) ASSERT_TRUE(Step());
  }

  // ---- Jobs.
  static v1::JobSpec Spec(int64_t generations = 6, int64_t validation_every = 2) {
    v1::JobSpec spec;
    spec.set_name("job");
    spec.set_generations(generations);
    spec.mutable_sphere()->set_dimension(5);
    spec.mutable_strategy()->set_population_size(8);
    spec.mutable_validation()->set_every(validation_every);
    spec.mutable_validation()->mutable_episodes()->set_episodes(4);
    return spec;
  }
  absl::StatusOr<v1::JobStatus> TrySubmit(const v1::JobSpec& spec, const std::string& key = "") {
    v1::SubmitJobRequest request;
    *request.mutable_spec() = spec;
    request.set_idempotency_key(key);
    return coordinator_->Submit(request, now_);
  }
  std::string Submit(const v1::JobSpec& spec = Spec()) {
    const auto status = TrySubmit(spec);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? status->job_id() : "";
  }
  absl::StatusOr<v1::GetHistoryResponse> History(const std::string& job_id, int64_t from = 0) {
    v1::GetHistoryRequest request;
    request.set_job_id(job_id);
    request.set_from_generation(from);
    return coordinator_->History(request);
  }
  v1::JobStatus StatusOf(const std::string& job_id) {
    const auto status = coordinator_->Get(job_id, now_);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *status : v1::JobStatus();
  }

  absl::Duration lease_ttl_ = absl::Seconds(30);  // from the next Start on
  int64_t gradient_size_ = 0;                     // of the gradients that workers answer with
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  StoreThatMayRefuse store_;
  std::unique_ptr<Coordinator> coordinator_;
  std::map<std::string, std::deque<v1::Lease>> inbox_;
  absl::Status no_task_;  // why, unless OK
  std::vector<std::pair<std::string, v1::CoordinatorMessage>> sent_;
  std::vector<std::vector<std::string>> broadcasts_;  // to whom
  std::map<std::string, absl::Status> closed_;
  std::function<void(const v1::CoordinatorMessage&)> on_send_;
};

}  // namespace seedcast
