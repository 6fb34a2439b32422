// Verification against a coordinator that lies: each test changes one thing of an honest log.
#include "cli/replay.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/spec/resolve.h"
#include "common/strategy/update.h"
#include "worker/tasks/task.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kGenerations = 6;

// A job's log and snapshots, served as they stand.
class FakeCoordinator final : public v1::JobService::Service, public v1::ParameterService::Service {
 public:
  FakeCoordinator() {
    v1::JobSpec spec;
    spec.mutable_sphere()->set_dimension(5);
    spec.mutable_strategy()->set_population_size(4);
    spec.set_generations(kGenerations);
    status.set_job_id("job-1");
    *status.mutable_spec() = *Resolve(spec);
    const auto task = MakeTask(status.spec(), nullptr);
    State state = InitialState(status.spec().strategy(), (*task)->InitialTheta());
    Digest chain = ChainStart(status.spec(), StateDigest(state));
    for (int generation = 0; generation < kGenerations; ++generation) {
      if (generation % 2 == 0) snapshots[generation] = state;
      v1::GenerationRecord record;
      record.set_generation(generation);
      for (int member = 0; member < 4; ++member) {
        record.add_fitness(std::sin(static_cast<float>(generation + 10 * member)));
      }
      chain = ChainNext(chain, generation, StateDigest(state), OutcomeOf(record));
      record.set_state_digest(ToBytes(StateDigest(state)));
      record.set_chain(ToBytes(chain));
      log.push_back(record);
      EXPECT_TRUE(Update(status.spec(), OutcomeOf(record), 1, &state).ok());
    }
    v1::GenerationRecord closing;
    closing.set_generation(kGenerations);
    closing.set_state_digest(ToBytes(StateDigest(state)));
    closing.set_chain(ToBytes(ChainNext(chain, kGenerations, StateDigest(state), {})));
    log.push_back(closing);
    status.set_state(v1::SUCCEEDED);
    status.set_version(kGenerations);
    status.set_digest(ToHex(StateDigest(state)));
    grpc::ServerBuilder builder;
    builder.RegisterService(static_cast<v1::JobService::Service*>(this));
    builder.RegisterService(static_cast<v1::ParameterService::Service*>(this));
    server_ = builder.BuildAndStart();
  }

  std::shared_ptr<grpc::Channel> Channel() { return server_->InProcessChannel({}); }

  grpc::Status GetJob(grpc::ServerContext*, const v1::JobRequest*, v1::JobStatus* response) override {
    *response = status;
    return grpc::Status::OK;
  }
  // Three generations a page.
  grpc::Status GetHistory(grpc::ServerContext*, const v1::GetHistoryRequest* request,
                          v1::GetHistoryResponse* response) override {
    const int64_t end = std::min<int64_t>(request->from_generation() + 3, kGenerations);
    for (int64_t g = request->from_generation(); g < end; ++g) response->add_generations()->set_generation(g);
    if (end < kGenerations) response->set_next_generation(history_stands_still ? request->from_generation() : end);
    return grpc::Status::OK;
  }
  grpc::Status GetLog(grpc::ServerContext*, const v1::GetLogRequest* request,
                      grpc::ServerWriter<v1::GenerationRecord>* writer) override {
    for (const v1::GenerationRecord& record : log) {
      if (record.generation() >= request->from_generation() && record.generation() < request->to_generation()) {
        writer->Write(record);
      }
    }
    return grpc::Status::OK;
  }
  grpc::Status GetSnapshot(grpc::ServerContext*, const v1::GetSnapshotRequest* request,
                           grpc::ServerWriter<v1::SnapshotChunk>* writer) override {
    auto found = snapshots.upper_bound(request->at_or_below_version());
    if (found == snapshots.begin()) return {grpc::StatusCode::NOT_FOUND, "no snapshot"};
    --found;
    const std::string bytes = SerializeState(found->second);
    v1::SnapshotChunk chunk;
    chunk.set_version(found->first);
    chunk.set_digest(ToBytes(StateDigest(found->second)));
    if (!snapshot_digest.empty()) chunk.set_digest(snapshot_digest);
    chunk.set_total_bytes(static_cast<int64_t>(bytes.size()) + extra_bytes);
    chunk.set_data(bytes.substr(0, bytes.size() / 2));
    writer->Write(chunk);
    chunk.Clear();
    chunk.set_data(bytes.substr(bytes.size() / 2));
    writer->Write(chunk);
    return grpc::Status::OK;
  }

  v1::JobStatus status;
  std::vector<v1::GenerationRecord> log;
  std::map<int64_t, State> snapshots;
  std::string snapshot_digest;  // instead of the right one
  int64_t extra_bytes = 0;      // announced but not sent
  bool history_stands_still = false;

 private:
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<VerifyReport> VerifyAgainst(FakeCoordinator& coordinator) {
  Client client(coordinator.Channel(), "the fake");
  return Verify(client, "job-1", 1, [](int64_t, int64_t) {});
}

TEST(VerifyTest, AcceptsAnHonestLog) {
  FakeCoordinator coordinator;
  const auto report = VerifyAgainst(coordinator);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->generations, kGenerations);
  EXPECT_EQ(report->snapshots, 3);
  EXPECT_EQ(report->digest, coordinator.status.digest());
  EXPECT_EQ(report->first_state_note, "");
}

struct Lie {
  std::string name;
  void (*tell)(FakeCoordinator&);
  std::string message;
};

const Lie kLies[] = {
    {"fitness", [](FakeCoordinator& c) { c.log[3].set_fitness(1, 9); }, "generation 3: link of the chain is "},
    {"fitness_and_chain",
     [](FakeCoordinator& c) {
       c.log[3].set_fitness(1, 9);
       const Digest previous = [&] {
         Digest digest;
         FromBytes(c.log[2].chain(), &digest);
         return digest;
       }();
       Digest state;
       FromBytes(c.log[3].state_digest(), &state);
       c.log[3].set_chain(ToBytes(ChainNext(previous, 3, state, OutcomeOf(c.log[3]))));
     },
     "version 4: digest of the stored snapshot is "},
    {"state_digest", [](FakeCoordinator& c) { c.log[3].set_state_digest(std::string(32, 'x')); },
     "generation 3: state digest in the log is "},
    {"chain", [](FakeCoordinator& c) { c.log[0].set_chain(std::string(32, 'x')); },
     "generation 0: link of the chain is"},
    {"missing_record", [](FakeCoordinator& c) { c.log.erase(c.log.begin() + 2); }, "the log's next generation is 3"},
    {"missing_end", [](FakeCoordinator& c) { c.log.resize(kGenerations - 1); }, "the log's end is 5, expected 6"},
    {"missing_closing_record", [](FakeCoordinator& c) { c.log.pop_back(); },
     "the record that closes the log is missing"},
    {"closing_chain", [](FakeCoordinator& c) { c.log.back().set_chain(std::string(32, 'x')); },
     "generation 6: link of the chain is "},
    {"closing_state_digest", [](FakeCoordinator& c) { c.log.back().set_state_digest(std::string(32, 'x')); },
     "generation 6: state digest in the log is "},
    {"closing_fitness",
     [](FakeCoordinator& c) {
       Digest previous, state;
       FromBytes(c.log[kGenerations - 1].chain(), &previous);
       FromBytes(c.log.back().state_digest(), &state);
       c.log.back().add_fitness(1);
       c.log.back().set_chain(ToBytes(ChainNext(previous, kGenerations, state, OutcomeOf(c.log.back()))));
     },
     "generation 6: fitness in the record that closes the log is 1 values"},
    {"population", [](FakeCoordinator& c) { c.log[2].add_fitness(0); }, "generation 2: "},
    {"snapshot", [](FakeCoordinator& c) { c.snapshots[4].theta[0] += 1; },
     "version 4: digest of the stored snapshot is "},
    {"first_state", [](FakeCoordinator& c) { c.snapshots[0].theta[0] += 1; },
     "digest of the first state (version 0) is "},
    {"final_digest", [](FakeCoordinator& c) { c.status.set_digest(std::string(64, '0')); },
     "version 6: digest of the job is 000"},
    {"snapshot_bytes", [](FakeCoordinator& c) { c.snapshot_digest = std::string(32, 'x'); }, "snapshot of version 4"},
    {"snapshot_size", [](FakeCoordinator& c) { c.extra_bytes = 7; }, " bytes, announced were "},
    {"no_snapshots", [](FakeCoordinator& c) { c.snapshots.clear(); }, "has no snapshot of its first state"},
    {"spec", [](FakeCoordinator& c) { c.status.mutable_spec()->mutable_strategy()->mutable_sigma()->set_initial(1); },
     "generation 0: link of the chain is "},
};

class LieTest : public ::testing::TestWithParam<Lie> {};

TEST_P(LieTest, IsFoundAndNamed) {
  FakeCoordinator coordinator;
  GetParam().tell(coordinator);
  const absl::Status status = VerifyAgainst(coordinator).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Lies, LieTest, ::testing::ValuesIn(kLies), [](const auto& info) { return info.param.name; });

TEST(VerifyTest, SaysWhyTheCoordinatorCouldNotTakeTheJobUp) {
  FakeCoordinator coordinator;
  coordinator.status.set_state(v1::FAILED);
  coordinator.status.set_message("generation 3 of the log is damaged");
  coordinator.status.clear_digest();
  EXPECT_THAT(std::string(VerifyAgainst(coordinator).status().message()),
              AllOf(HasSubstr("version 6: digest of the job is missing, expected "),
                    HasSubstr("; the coordinator says: generation 3 of the log is damaged")));
}

TEST(VerifyTest, AcceptsTheLogOfAJobThatStillRuns) {
  FakeCoordinator coordinator;
  coordinator.log.pop_back();
  coordinator.status.set_state(v1::RUNNING);
  const auto report = VerifyAgainst(coordinator);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->digest, coordinator.status.digest());
}

TEST(VerifyTest, TakesAForksFirstStateFromItsSnapshot) {
  FakeCoordinator coordinator;
  coordinator.status.set_forked_from("other-1@0");
  const auto report = VerifyAgainst(coordinator);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->first_state_note, "starts from the snapshot of other-1@0");
}

TEST(ReadStateTest, ReplaysFromTheSnapshotBefore) {
  FakeCoordinator coordinator;
  Client client(coordinator.Channel(), "the fake");
  const auto between = ReadState(client, coordinator.status, 3);
  ASSERT_TRUE(between.ok()) << between.status();
  EXPECT_EQ(ToBytes(StateDigest(*between)), coordinator.log[3].state_digest());
  EXPECT_EQ(ReadState(client, coordinator.status, 7).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(ClientTest, RefusesAnAbsurdBlobBeforeAllocating) {
  FakeCoordinator coordinator;
  coordinator.extra_bytes = int64_t{1} << 40;
  Client client(coordinator.Channel(), "the fake");
  EXPECT_EQ(client.ReadSnapshot("job-1", 0).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ClientTest, PutsAHistoryTogetherFromItsPages) {
  FakeCoordinator coordinator;
  Client client(coordinator.Channel(), "the fake");
  const auto history = client.History("job-1");
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->generations_size(), kGenerations);
  for (int g = 0; g < kGenerations; ++g) EXPECT_EQ(history->generations(g).generation(), g);
  EXPECT_FALSE(history->has_next_generation());
  coordinator.history_stands_still = true;
  EXPECT_EQ(client.History("job-1").status().code(), absl::StatusCode::kInternal);
}

TEST(ClientTest, EndedCallsAreCancelledAndStayCancelled) {
  FakeCoordinator coordinator;
  Client client(coordinator.Channel(), "the fake");
  client.EndCalls();
  EXPECT_EQ(client.ReadSnapshot("job-1", 0).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace seedcast
