// The whole worker, threads and gRPC included, against a coordinator that plays a script.
#include "worker/runtime/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/synchronization/notification.h"
#include "common/spec/resolve.h"
#include "tests/worker/runtime/fake_coordinator.h"
#include "worker/runtime/evaluate_lease.h"
#include "worker/runtime/grpc_transport.h"

namespace seedcast {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Stream = FakeCoordinator::Stream;

constexpr int64_t kPairs = 32;

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() : coordinator_(SmallJob(2 * kPairs)) {}

  std::unique_ptr<Worker> Make(int slots = 2) {
    WorkerOptions options;
    options.id = "w1";
    options.slots = slots;
    options.cache_directory = ::testing::TempDir();
    const auto channel = coordinator_.Channel();
    return std::make_unique<Worker>(options, MakeGrpcTransport(channel, channel));
  }

  static void Drain(Worker* worker) {
    worker->RequestDrain();
    EXPECT_TRUE(worker->Join().ok());
  }

  // The fitness of every member at `version`, computed here.
  std::vector<float> Expected(int64_t version) {
    LeaseWork work;
    work.spec = std::make_shared<v1::JobSpec>(coordinator_.spec);
    work.task = TaskOf(coordinator_.spec);
    work.state = std::make_shared<State>(coordinator_.history.at(version));
    work.lease.set_version(version);
    work.lease.mutable_pairs()->set_count(kPairs);
    LeaseControl control;
    v1::LeaseResult result;
    LeaseEvaluator().Run(work, &control, &result);
    return {result.fitness().begin(), result.fitness().end()};
  }

  // Leases every pair of a version, one at a time, and collects the fitness.
  std::vector<float> RunGeneration(Stream* stream, int64_t version) {
    for (int64_t pair = 0; pair < kPairs; ++pair) {
      coordinator_.SendPairs(stream, version * kPairs + pair + 1, version, pair, 1);
    }
    std::vector<float> fitness(2 * kPairs);
    v1::WorkerMessage message;
    for (int64_t results = 0; results < kPairs && stream->Read(&message);) {
      if (!message.has_result()) continue;
      const int64_t first = 2 * message.result().pairs().first_pair();
      for (int i = 0; i < 2; ++i) fitness[first + i] = message.result().fitness(i);
      ++results;
    }
    return fitness;
  }
  void CloseGeneration(Stream* stream, int64_t generation) {
    v1::CoordinatorMessage message;
    message.mutable_generation_closed()->set_job_id("job-1");
    message.mutable_generation_closed()->set_generation(generation);
    for (const float f : coordinator_.history.Fitness(generation)) {
      message.mutable_generation_closed()->add_fitness(f);
    }
    stream->Write(message);
  }

  FakeCoordinator coordinator_;
};

TEST_F(WorkerTest, EvaluatesLeasesOfOneVersionAfterAnother) {
  std::map<int64_t, std::vector<float>> fitness;
  absl::Notification done;
  coordinator_.Play([&](Stream* stream) {
    coordinator_.TakeIn(stream);
    for (int64_t version = 0; version < 3; ++version) {
      fitness[version] = RunGeneration(stream, version);
      CloseGeneration(stream, version);
    }
    fitness[900] = RunGeneration(stream, 900);  // a long way off: log or snapshot
    done.Notify();
    FakeCoordinator::ReadToEnd(stream);
    return grpc::Status::OK;
  });
  const auto worker = Make();
  worker->Start();
  done.WaitForNotification();
  Drain(worker.get());
  for (const auto& [version, measured] : fitness) {
    SCOPED_TRACE(version);
    EXPECT_EQ(measured, Expected(version));
  }
}

TEST_F(WorkerTest, SaysWhoItIs) {
  v1::Hello hello;
  coordinator_.Play([&](Stream* stream) {
    v1::WorkerMessage message;
    stream->Read(&message);
    hello = message.hello();
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "protocol version 1, expected 7");
  });
  const auto worker = Make(/*slots=*/3);
  EXPECT_EQ(worker->Run(), absl::FailedPreconditionError("protocol version 1, expected 7"));
  EXPECT_EQ(hello.worker_id(), "w1");
  EXPECT_EQ(hello.slots(), 3);
  ASSERT_FALSE(hello.proofs().empty());
  EXPECT_EQ(hello.proofs(0).numeric_class(), v1::F32);
  EXPECT_EQ(hello.proofs(0).digest(), ExpectedF32Proof());
}

// A gradient through 1000 steps of 20 parameters keeps two megabytes.
TEST(WorkerMemoryTest, HandsBackWhatASlotsMemoryDoesNotHold) {
  v1::JobSpec spec;
  spec.set_generations(10);
  spec.mutable_strategy()->set_population_size(4);
  spec.mutable_strategy()->set_estimator(v1::Strategy::GRADIENT);
  v1::LearnedOptimizerTask* task = spec.mutable_learned_optimizer();
  task->add_clusters()->set_name("only");
  task->mutable_clusters(0)->add_problems("quadratic(20)");
  task->mutable_unroll()->set_steps(1000);
  FakeCoordinator coordinator(*Resolve(spec));
  const auto answer_of = [&](int slots, int64_t memory_bytes) {
    v1::WorkerMessage answer;
    coordinator.Play([&](Stream* stream) {
      coordinator.TakeIn(stream);
      coordinator.SendPairs(stream, 1, 0, 0, 1);
      while (stream->Read(&answer) && !answer.has_result() && !answer.has_lease_failed()) continue;
      return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "that will do");
    });
    WorkerOptions options;
    options.id = "w1";
    options.slots = slots;
    options.cache_directory = ::testing::TempDir();
    options.memory_bytes = memory_bytes;
    Worker(options, MakeGrpcTransport(coordinator.Channel(), coordinator.Channel())).Run().IgnoreError();
    return answer;
  };
  EXPECT_TRUE(answer_of(1, 3 << 20).has_result());
  EXPECT_THAT(answer_of(2, 3 << 20).lease_failed().error(),
              AllOf(HasSubstr("learned_optimizer.unroll.steps: 1000, expected unrolls of at most "),
                    HasSubstr("of quadratic(20), and there are 1 MiB for each of this worker's slots")));
}

TEST_F(WorkerTest, ComesBackAfterALostStream) {
  coordinator_.Play([&](Stream* stream) {
    coordinator_.TakeIn(stream);
    RunGeneration(stream, 0);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "crashed");
  });
  std::vector<float> fitness;
  absl::Notification done;
  coordinator_.Play([&](Stream* stream) {
    coordinator_.TakeIn(stream);
    fitness = RunGeneration(stream, 0);
    done.Notify();
    FakeCoordinator::ReadToEnd(stream);
    return grpc::Status::OK;
  });
  const auto worker = Make();
  worker->Start();
  done.WaitForNotification();
  Drain(worker.get());
  EXPECT_EQ(fitness, Expected(0));
}

TEST_F(WorkerTest, DrainsWithItsResultsHandedIn) {
  int results = 0, handed_back = 0;
  bool goodbye = false;
  absl::Notification leased;
  coordinator_.Play([&](Stream* stream) {
    coordinator_.TakeIn(stream);
    for (int64_t id = 1; id <= 20; ++id) coordinator_.SendPairs(stream, id, 0, 0, kPairs);
    v1::WorkerMessage message;
    while (stream->Read(&message)) {
      if (message.has_result() && ++results == 10) leased.Notify();  // by then the last lease has arrived, too
      handed_back += message.has_lease_failed();
      goodbye = message.has_goodbye();
    }
    return grpc::Status::OK;
  });
  const auto worker = Make();
  worker->Start();
  leased.WaitForNotification();
  Drain(worker.get());
  EXPECT_EQ(results + handed_back, 20);
  EXPECT_TRUE(goodbye);
}

TEST_F(WorkerTest, ItsDestructionStopsIt) {
  absl::Notification welcomed;
  coordinator_.Play([&](Stream* stream) {
    FakeCoordinator::SendWelcome(stream);
    coordinator_.SendJob(stream);
    for (int64_t id = 1; id <= 1000; ++id) coordinator_.SendPairs(stream, id, 0, 0, kPairs);
    welcomed.Notify();
    FakeCoordinator::ReadToEnd(stream);
    return grpc::Status::OK;
  });
  auto worker = Make();
  worker->Start();
  welcomed.WaitForNotification();
  worker.reset();
}

TEST(WorkerOptionsTest, ValidateNamesTheField) {
  WorkerOptions options;
  EXPECT_EQ(options.Validate().message(), "id: '', expected 1 .. 200 characters");
  options.id = "w";
  EXPECT_TRUE(options.Validate().ok());
  options.slots = 4097;
  EXPECT_EQ(options.Validate().message(), "slots: 4097, expected 1 .. 4096");
}

}  // namespace
}  // namespace seedcast
