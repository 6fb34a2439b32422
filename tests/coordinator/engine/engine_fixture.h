// A small language for the engine's tests: workers join, leases come, results go back. Time moves only when told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/engine/engine.h"

namespace seedcast::engine {

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Gradients whose sum shows its order: huge ones cancel each other and swallow whatever was added in between.
inline float TellingElement(int64_t pair, int64_t other) {
  if (pair % 4 == 0) return 1e30f;
  if (pair % 4 == 2) return -1e30f;
  return static_cast<float>(1 + (pair * 7 + other * 3) % 11);
}

class EngineTest : public ::testing::Test {
 protected:
  // ---- Events. Each keeps the actions that it led to in actions_, and the leases in hand per worker in leases_.
  void Do(const Event& event) {
    actions_ = engine_.Handle(event, now_);
    engine_.CheckInvariants();
    for (const Action& action : actions_) {
      if (const auto* lease = std::get_if<GrantLease>(&action)) leases_[lease->worker_id].push_back(*lease);
      if (const auto* revoked = std::get_if<RevokeLeases>(&action)) {
        for (const int64_t id : revoked->lease_ids) Drop(revoked->worker_id, id);
      }
    }
  }
  void Join(const std::string& worker, int slots = 1, std::map<v1::NumericClass, std::string> proofs = {{v1::F32, "f"}},
            std::vector<std::string> tasks = {"sphere"}) {
    leases_[worker].clear();
    Do(WorkerJoined{worker, slots, std::move(proofs), std::move(tasks)});
  }
  void Leave(const std::string& worker) {
    leases_.erase(worker);
    Do(WorkerGone{worker});
  }
  void Add(const std::string& job, int64_t pairs, int64_t generations = 10) {
    JobPlan plan = Plan(pairs, generations);
    Add(job, plan);
  }
  void Add(const std::string& job, const JobPlan& plan, v1::JobState state = v1::RUNNING, int64_t version = 0) {
    Do(JobAdded{job, plan, state, version, "digest", 0});
  }
  static JobPlan Plan(int64_t pairs, int64_t generations = 10) {
    return {.task = "sphere",
            .population_size = 2 * pairs,
            .generations = generations,
            .numeric_class = v1::F32,
            .max_failed_evaluations = 1000};
  }
  void Evaluate(int64_t id, const std::string& job, int32_t episodes, int64_t version = 0) {
    Do(EvaluationRequested{id, job, version, "digest", Episodes(episodes)});
  }
  static v1::EvaluationSpec Episodes(int32_t episodes) {
    v1::EvaluationSpec spec;
    spec.set_episodes(episodes);
    return spec;
  }
  void Wait(absl::Duration duration) {
    now_ += duration;
    Do(Tick{});
  }

  // What a worker would answer: fitness 1, 2, 3, ... by member or episode.
  static v1::LeaseResult ResultOf(const GrantLease& lease, double seconds = 0.1) {
    v1::LeaseResult result;
    result.set_lease_id(lease.lease_id);
    result.set_job_id(lease.job_id);
    result.set_version(lease.version);
    result.set_seconds(seconds);
    const int per_unit = lease.evaluation_id ? 1 : 2;
    for (int64_t i = 0; i < lease.units.count * per_unit; ++i) {
      result.add_fitness(static_cast<float>(lease.units.first * per_unit + i + 1));
      if (lease.evaluation_id) result.add_accuracy(0.5f);
    }
    if (lease.evaluation_id) {
      result.mutable_episodes()->set_evaluation_id(*lease.evaluation_id);
      *result.mutable_episodes()->mutable_spec() = lease.spec;
      result.mutable_episodes()->set_first_episode(static_cast<int32_t>(lease.units.first));
      result.mutable_episodes()->set_count(static_cast<int32_t>(lease.units.count));
    } else {
      result.mutable_pairs()->set_first_pair(lease.units.first);
      result.mutable_pairs()->set_count(static_cast<int32_t>(lease.units.count));
      result.mutable_pairs()->set_cluster(lease.cluster);
    }
    return result;
  }
  void Send(const std::string& worker, const v1::LeaseResult& result) {
    Drop(worker, result.lease_id());
    Do(ResultArrived{worker, &result});
  }
  // The worker finishes its oldest lease.
  GrantLease Finish(const std::string& worker, double seconds = 0.1) {
    EXPECT_FALSE(leases_[worker].empty()) << worker << " has no lease";
    const GrantLease lease = leases_[worker].front();
    Send(worker, ResultOf(lease, seconds));
    return lease;
  }
  // All workers finish whatever they get until an action of this kind comes up.
  template <typename T>
  T FinishUntil() {
    for (int i = 0; i < 10'000; ++i) {
      if (const T* found = Find<T>()) return *found;
      bool idle = true;
      for (auto& [worker, leases] : leases_) {
        if (leases.empty()) continue;
        idle = false;
        Finish(worker);
        break;
      }
      if (idle) break;
    }
    ADD_FAILURE() << "nothing left to finish";
    return {};
  }
  void Commit(const CommitGeneration& closed) {
    Do(GenerationCommitted{closed.job_id, closed.generation + 1, "digest"});
  }

  // ---- What came of it.
  template <typename T>
  const T* Find() const {
    for (const Action& action : actions_) {
      if (const T* found = std::get_if<T>(&action)) return found;
    }
    return nullptr;
  }
  template <typename T>
  std::vector<T> All() const {
    std::vector<T> found;
    for (const Action& action : actions_) {
      if (const T* a = std::get_if<T>(&action)) found.push_back(*a);
    }
    return found;
  }
  size_t InHand(const std::string& worker) { return leases_[worker].size(); }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  Engine engine_{{.lease_ttl = absl::Seconds(30), .expected_f32_proof = "f"}};
  std::vector<Action> actions_;
  std::map<std::string, std::vector<GrantLease>> leases_;

 private:
  void Drop(const std::string& worker, int64_t lease_id) {
    std::erase_if(leases_[worker], [&](const GrantLease& lease) { return lease.lease_id == lease_id; });
  }
};

}  // namespace seedcast::engine
