// What every Store must do, whatever it is made of. Include it in one test file of a binary and instantiate:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, ::testing::Values([] { return MakeMemoryStore(); }));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/store/store.h"

namespace seedcast {

using StoreFactory = std::function<std::unique_ptr<Store>()>;  // a new, empty store each time

class StoreContract : public ::testing::TestWithParam<StoreFactory> {
 protected:
  static constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

  static Snapshot SnapshotAt(int64_t version) {
    const std::string bytes = "state " + std::to_string(version) + std::string(1, '\0') + "bytes";
    return {version, Sha256Of("state of " + std::to_string(version)), bytes};
  }
  static JobRow Row(const std::string& name, const std::string& key = "") {
    JobRow row;
    row.spec.set_name(name);
    row.spec.set_seed(7);
    row.first_digest = Sha256Of("first");
    row.idempotency_key = key;
    row.submitted_unix_seconds = 12.5;
    return row;
  }
  static v1::GenerationRecord Record(int64_t generation) {
    v1::GenerationRecord record;
    record.set_generation(generation);
    record.add_fitness(static_cast<float>(generation) + 0.25f);
    record.add_fitness(std::numeric_limits<float>::quiet_NaN());
    record.set_state_digest(std::string(32, static_cast<char>(generation)));
    record.set_chain(std::string(32, static_cast<char>(generation + 1)));
    record.mutable_metrics()->set_generation(generation);
    return record;
  }
  std::string Create(const std::string& name) { return *store_->CreateJob(Row(name), SnapshotAt(0)); }
  std::vector<int64_t> Generations(const std::string& job_id, int64_t from, int64_t to, int64_t limit) {
    std::vector<int64_t> generations;
    const auto records = store_->ReadLog(job_id, from, to, limit);
    EXPECT_TRUE(records.ok()) << records.status();
    if (!records.ok()) return generations;
    for (const v1::GenerationRecord& record : *records) generations.push_back(record.generation());
    return generations;
  }

  std::unique_ptr<Store> store_ = GetParam()();
};

TEST_P(StoreContract, NumbersTheJobsOfOneName) {
  EXPECT_EQ(Create("omniglot"), "omniglot-1");
  EXPECT_EQ(Create("sphere"), "sphere-1");
  EXPECT_EQ(Create("omniglot"), "omniglot-2");
}

TEST_P(StoreContract, KeepsJobsInOrderOfSubmission) {
  JobRow forked = Row("b");
  forked.first_version = 40;
  forked.forked_from = "a-1@40";
  Create("c");
  ASSERT_TRUE(store_->CreateJob(forked, SnapshotAt(40)).ok());
  const auto rows = store_->ReadJobs();
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].job_id, "c-1");
  const JobRow& row = (*rows)[1];
  EXPECT_EQ(row.job_id, "b-1");
  EXPECT_EQ(row.spec.SerializeAsString(), forked.spec.SerializeAsString());
  EXPECT_EQ(row.state, v1::RUNNING);
  EXPECT_EQ(row.first_version, 40);
  EXPECT_EQ(row.first_digest, forked.first_digest);
  EXPECT_EQ(row.forked_from, "a-1@40");
  EXPECT_EQ(row.submitted_unix_seconds, 12.5);
}

TEST_P(StoreContract, AnIdempotencyKeyMakesOneJob) {
  const auto first = store_->CreateJob(Row("a", "key"), SnapshotAt(0));
  const auto again = store_->CreateJob(Row("a", "key"), SnapshotAt(0));
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(store_->ReadJobs()->size(), 1u);
  EXPECT_NE(*store_->CreateJob(Row("a"), SnapshotAt(0)), *store_->CreateJob(Row("a"), SnapshotAt(0)));
}

TEST_P(StoreContract, KeepsStateAndMessage) {
  const std::string job = Create("a");
  ASSERT_TRUE(store_->SetJobState(job, v1::FAILED, "evaluations failed").ok());
  const auto rows = store_->ReadJobs();
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0].state, v1::FAILED);
  EXPECT_EQ((*rows)[0].message, "evaluations failed");
}

TEST_P(StoreContract, KeepsSizeAndProof) {
  JobRow row = Row("a");
  row.num_parameters = 8349;
  const std::string job = *store_->CreateJob(row, SnapshotAt(0));
  ASSERT_TRUE(store_->SetJobProof(job, "abc").ok());
  const auto rows = store_->ReadJobs();
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0].num_parameters, 8349);
  EXPECT_EQ((*rows)[0].proof, "abc");
}

TEST_P(StoreContract, GivesBackRecordsAsTheyWereAppended) {
  const std::string job = Create("a");
  ASSERT_TRUE(store_->AppendGeneration(job, Record(0), nullptr).ok());
  const auto records = store_->ReadLog(job, 0, kEnd, 10);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ((*records)[0].SerializeAsString(), Record(0).SerializeAsString());
  EXPECT_TRUE(std::isnan((*records)[0].fitness(1)));
}

TEST_P(StoreContract, AppendsInOrderOnly) {
  const std::string job = Create("a");
  EXPECT_EQ(store_->AppendGeneration(job, Record(1), nullptr).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->AppendGeneration(job, Record(0), nullptr).ok());
  EXPECT_EQ(store_->AppendGeneration(job, Record(0), nullptr).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->AppendGeneration(job, Record(1), nullptr).ok());
  EXPECT_THAT(Generations(job, 0, kEnd, 10), ::testing::ElementsAre(0, 1));
}

TEST_P(StoreContract, ALogStartsAtTheFirstVersion) {
  JobRow row = Row("a");
  row.first_version = 5;
  const std::string job = *store_->CreateJob(row, SnapshotAt(5));
  EXPECT_EQ(store_->AppendGeneration(job, Record(0), nullptr).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->AppendGeneration(job, Record(5), nullptr).ok());
  EXPECT_THAT(Generations(job, 0, kEnd, 10), ::testing::ElementsAre(5));
}

TEST_P(StoreContract, ReadsRangesOfTheLog) {
  const std::string job = Create("a");
  for (int64_t g = 0; g < 10; ++g) ASSERT_TRUE(store_->AppendGeneration(job, Record(g), nullptr).ok());
  EXPECT_THAT(Generations(job, 3, 6, 100), ::testing::ElementsAre(3, 4, 5));
  EXPECT_THAT(Generations(job, 8, kEnd, 100), ::testing::ElementsAre(8, 9));
  EXPECT_THAT(Generations(job, 0, kEnd, 2), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(Generations(job, 10, kEnd, 100), ::testing::IsEmpty());
  EXPECT_THAT(Generations(job, 6, 3, 100), ::testing::IsEmpty());
}

TEST_P(StoreContract, KeepsTheLogsOfJobsApart) {
  const std::string a = Create("a"), b = Create("b");
  ASSERT_TRUE(store_->AppendGeneration(a, Record(0), nullptr).ok());
  EXPECT_THAT(Generations(b, 0, kEnd, 10), ::testing::IsEmpty());
  EXPECT_THAT(*store_->SnapshotVersions(b), ::testing::ElementsAre(0));
}

TEST_P(StoreContract, FindsTheNewestSnapshotAtOrBelow) {
  const std::string job = Create("a");
  const Snapshot one = SnapshotAt(1);
  ASSERT_TRUE(store_->AppendGeneration(job, Record(0), nullptr).ok());
  ASSERT_TRUE(store_->AppendGeneration(job, Record(1), &one).ok());
  ASSERT_TRUE(store_->PutSnapshot(job, SnapshotAt(4)).ok());
  EXPECT_THAT(*store_->SnapshotVersions(job), ::testing::ElementsAre(0, 1, 4));
  const struct { int64_t at_or_below, version; } cases[] = {{0, 0}, {1, 1}, {3, 1}, {4, 4}, {kEnd, 4}};
  for (const auto& c : cases) {
    const auto snapshot = store_->ReadSnapshot(job, c.at_or_below);
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->version, c.version) << "at or below " << c.at_or_below;
    EXPECT_EQ(snapshot->bytes, SnapshotAt(c.version).bytes);
    EXPECT_EQ(snapshot->digest, SnapshotAt(c.version).digest);
  }
}

TEST_P(StoreContract, ASnapshotOfTheSameVersionReplacesTheOld) {
  const std::string job = Create("a");
  ASSERT_TRUE(store_->PutSnapshot(job, SnapshotAt(0)).ok());
  EXPECT_THAT(*store_->SnapshotVersions(job), ::testing::ElementsAre(0));
}

TEST_P(StoreContract, ARefusedAppendStoresNoSnapshot) {
  const std::string job = Create("a");
  const Snapshot snapshot = SnapshotAt(3);
  EXPECT_FALSE(store_->AppendGeneration(job, Record(3), &snapshot).ok());
  EXPECT_THAT(*store_->SnapshotVersions(job), ::testing::ElementsAre(0));
}

TEST_P(StoreContract, DeletesSnapshots) {
  const std::string job = Create("a");
  ASSERT_TRUE(store_->PutSnapshot(job, SnapshotAt(2)).ok());
  ASSERT_TRUE(store_->DeleteSnapshots(job, {0, 7}).ok());
  EXPECT_THAT(*store_->SnapshotVersions(job), ::testing::ElementsAre(2));
  EXPECT_EQ(store_->ReadSnapshot(job, 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreContract, UnknownJobsAreNotFound) {
  const absl::Status calls[] = {
      store_->SetJobState("x-1", v1::PAUSED, ""),
      store_->SetJobProof("x-1", ""),
      store_->AppendGeneration("x-1", Record(0), nullptr),
      store_->PutSnapshot("x-1", SnapshotAt(0)),
      store_->DeleteSnapshots("x-1", {0}),
      store_->ReadLog("x-1", 0, kEnd, 1).status(),
      store_->SnapshotVersions("x-1").status(),
      store_->ReadSnapshot("x-1", kEnd).status(),
  };
  for (const absl::Status& status : calls) EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
}

}  // namespace seedcast
