// A short story told to a store and checked afterwards: one job, generations with a hash chain, some snapshots.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/digest.h"
#include "coordinator/store/store.h"

namespace seedcast {

class StoreStory {
 public:
  explicit StoreStory(size_t snapshot_bytes) : snapshot_bytes_(snapshot_bytes) {}

  static constexpr const char* kJob = "story-1";

  absl::Status CreateJob(Store& store) const {
    JobRow row;
    row.spec.set_name("story");
    row.idempotency_key = "once";  // a second try is no second job
    return store.CreateJob(row, SnapshotOf(0)).status();
  }

  absl::Status Append(Store& store, int64_t generation) const {
    const Snapshot snapshot = SnapshotOf(generation);
    return store.AppendGeneration(kJob, Record(generation), generation % 2 == 0 ? &snapshot : nullptr);
  }

  // The number of generations in the log, which must be the first of the story, each as it was appended, each with its
  // snapshot. -1 when there is no job.
  int64_t Check(Store& store) const {
    const auto jobs = store.ReadJobs();
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    if (!jobs.ok() || jobs->empty()) return -1;
    const auto log = store.ReadLog(kJob, 0, std::numeric_limits<int64_t>::max(), 1'000'000);
    EXPECT_TRUE(log.ok()) << log.status();
    if (!log.ok()) return -1;
    for (size_t g = 0; g < log->size(); ++g) {
      EXPECT_EQ((*log)[g].SerializeAsString(), Record(static_cast<int64_t>(g)).SerializeAsString()) << g;
      if (g % 2 == 0) CheckSnapshot(store, static_cast<int64_t>(g));
    }
    return static_cast<int64_t>(log->size());
  }

 private:
  Snapshot SnapshotOf(int64_t version) const {
    std::string bytes(snapshot_bytes_, static_cast<char>('a' + version % 26));
    return {version, Sha256Of(bytes), bytes};
  }

  v1::GenerationRecord Record(int64_t generation) const {
    v1::GenerationRecord record;
    record.set_generation(generation);
    for (int64_t m = 0; m < 16; ++m) record.add_fitness(static_cast<float>(generation * 100 + m));
    record.set_chain(ToBytes(Sha256().U64(7).U64(static_cast<uint64_t>(generation)).Finish()));
    return record;
  }

  void CheckSnapshot(Store& store, int64_t version) const {
    const auto snapshot = store.ReadSnapshot(kJob, version);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->version, version);
    EXPECT_EQ(snapshot->bytes, SnapshotOf(version).bytes);
  }

  const size_t snapshot_bytes_;
};

}  // namespace seedcast
