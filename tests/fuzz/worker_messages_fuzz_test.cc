// A worker that says anything at all: the coordinator counts each result as what it is, and others train on.
#include "common/log.h"
#include "tests/coordinator/coordinator/coordinator_fixture.h"
#include "tests/fuzz/mutate.h"

namespace seedcast {
namespace {

class WorkerMessagesFuzzTest : public CoordinatorTest {
 protected:
  WorkerMessagesFuzzTest() { SetLogLevel(LogLevel::kOff); }  // who joined, thousands of times

  int64_t CountedResults() const {
    const engine::EngineStats stats = coordinator_->Figures().engine;
    return stats.results + stats.duplicate_results + stats.stale_results + stats.unknown_results +
           stats.rejected_results;
  }

  // In turn what an honest worker may say that has just been given a lease.
  v1::WorkerMessage ValidMessage(int64_t turn) {
    const v1::Lease lease = inbox_["w"].empty() ? v1::Lease() : inbox_["w"].front();
    v1::WorkerMessage message;
    switch (turn % 6) {
      case 0:
        *message.mutable_hello() = HelloOf("w");
        break;
      case 1:
        message.mutable_lease_failed()->set_lease_id(lease.lease_id());
        message.mutable_lease_failed()->set_job_id(lease.job_id());
        message.mutable_lease_failed()->set_error("no data");
        break;
      case 2:
        message.mutable_heartbeat()->add_leases()->set_lease_id(lease.lease_id());
        message.mutable_heartbeat()->mutable_stats()->set_replay_seconds_per_generation(0.5);
        break;
      default:
        return Answer(lease);
    }
    return message;
  }

  // As worker_stream.cc does.
  void Deliver(const v1::WorkerMessage& message) {
    if (!message.has_hello()) return coordinator_->OnMessage("w", message, now_);
    coordinator_->OnWorkerGone("w", now_);
    const std::string& id = message.hello().worker_id();
    if (coordinator_->OnHello(message.hello(), now_).ok()) coordinator_->OnWorkerGone(id, now_);
  }
};

TEST_F(WorkerMessagesFuzzTest, AreCountedAndHarmNoOtherWorker) {
  v1::JobSpec spec = Spec(1'000'000);
  spec.set_max_failed_evaluations(INT64_MAX);
  const std::string job = Submit(spec);
  int64_t turn = 0, delivered = 0;
  ForMutations(
      20'000,
      [&] {
        inbox_.clear();
        sent_.clear();
        Join("w");
        EXPECT_FALSE(inbox_["w"].empty());
        return ValidMessage(turn++).SerializeAsString();
      },
      [&](const std::string& mutation) {
        v1::WorkerMessage message;
        if (message.ParseFromString(mutation)) {
          const int64_t counted = CountedResults();
          Deliver(message);
          EXPECT_EQ(CountedResults() - counted, message.has_result() ? 1 : 0) << message.ShortDebugString();
          ++delivered;
        }
        coordinator_->OnWorkerGone("w", now_);
        now_ += absl::Milliseconds(100);
        coordinator_->OnTick(now_);
      });
  EXPECT_GT(delivered, 0);
  EXPECT_GT(coordinator_->Figures().engine.rejected_results, 0) << "the edits reach no result's fields";

  inbox_.clear();
  Join("honest");
  RunTo(job, StatusOf(job).version() + 10);
  EXPECT_EQ(StatusOf(job).state(), v1::RUNNING);
}

}  // namespace
}  // namespace seedcast
