// A Store that outlives its coordinators, refuses some writes, and now and then takes its coordinator down right after
// a write went in.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "coordinator/store/store.h"
#include "tests/sim/random.h"

namespace seedcast::sim {

class FaultyStore final : public Store {
 public:
  // crash_after_write: the coordinator has lost power; it may run on, but nobody hears it any more.
  FaultyStore(Random* random, std::function<void()> crash_after_write)
      : random_(*random), crash_after_write_(std::move(crash_after_write)) {}

  void SetFaults(double refuse, double crash) {
    refuse_ = refuse;
    crash_ = crash;
  }

  absl::StatusOr<std::string> CreateJob(JobRow row, const Snapshot& first) override {
    if (random_.Chance(refuse_)) return Refusal();
    return Written(store_->CreateJob(std::move(row), first));
  }
  absl::Status SetJobState(const std::string& job_id, v1::JobState state, const std::string& message) override {
    if (random_.Chance(refuse_)) return Refusal();
    return Written(store_->SetJobState(job_id, state, message));
  }
  absl::Status SetJobProof(const std::string& job_id, const std::string& proof) override {
    if (random_.Chance(refuse_)) return Refusal();
    return Written(store_->SetJobProof(job_id, proof));
  }
  absl::Status AppendGeneration(const std::string& job_id, const v1::GenerationRecord& record,
                                const Snapshot* snapshot) override {
    if (random_.Chance(refuse_)) return Refusal();
    return Written(store_->AppendGeneration(job_id, record, snapshot));
  }
  absl::Status PutSnapshot(const std::string& job_id, const Snapshot& snapshot) override {
    if (random_.Chance(refuse_)) return Refusal();
    return Written(store_->PutSnapshot(job_id, snapshot));
  }
  absl::Status DeleteSnapshots(const std::string& job_id, const std::vector<int64_t>& versions) override {
    if (random_.Chance(refuse_)) return Refusal();
    return Written(store_->DeleteSnapshots(job_id, versions));
  }
  absl::StatusOr<std::vector<JobRow>> ReadJobs() override { return store_->ReadJobs(); }
  absl::StatusOr<std::vector<v1::GenerationRecord>> ReadLog(const std::string& job_id, int64_t from, int64_t to,
                                                            int64_t limit) override {
    return store_->ReadLog(job_id, from, to, limit);
  }
  absl::StatusOr<std::vector<int64_t>> SnapshotVersions(const std::string& job_id) override {
    return store_->SnapshotVersions(job_id);
  }
  absl::StatusOr<Snapshot> ReadSnapshot(const std::string& job_id, int64_t at_or_below) override {
    return store_->ReadSnapshot(job_id, at_or_below);
  }

 private:
  static absl::Status Refusal() { return absl::ResourceExhaustedError("disk full"); }
  template <typename T>
  T Written(T result) {
    if (random_.Chance(crash_)) crash_after_write_();
    return result;
  }

  Random& random_;
  const std::function<void()> crash_after_write_;
  double refuse_ = 0, crash_ = 0;
  const std::unique_ptr<Store> store_ = MakeMemoryStore();
};

}  // namespace seedcast::sim
