// EngineTest with jobs over clusters, whose pairs take time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/coordinator/engine/engine_fixture.h"

namespace seedcast::engine {

class ClusterTest : public EngineTest {
 protected:
  static JobPlan Clusters(int clusters, int64_t pairs, int groups = 0) {
    JobPlan plan = Plan(pairs, 1000);
    plan.clusters = clusters;
    plan.cluster_weights.assign(clusters, 1);
    plan.cluster_groups = groups;
    return plan;
  }

  // Runs the open generation in time: a worker of one slot needs costs_[cluster] seconds a pair. Returns what the
  // engine commits, and commits it.
  CommitGeneration RunGeneration() {
    done_.clear();
    while (true) {
      const std::string next = FirstToFinish();
      if (next.empty()) break;
      const GrantLease lease = leases_[next].front();
      now_ = EndOf(next);
      for (int64_t i = 0; i < lease.units.count; ++i) done_[next].push_back({lease.cluster, lease.units.first + i});
      Send(next, ResultOf(lease, SecondsOf(next)));
      if (const CommitGeneration* closed = Find<CommitGeneration>()) {
        const CommitGeneration copy = *closed;
        Commit(copy);
        return copy;
      }
    }
    ADD_FAILURE() << "the generation does not end";
    return {};
  }
  std::string FirstToFinish() {
    std::string first;
    for (const auto& [worker, leases] : leases_) {
      if (leases.empty()) continue;
      started_.try_emplace(leases.front().lease_id, now_);
      if (first.empty() || EndOf(worker) < EndOf(first)) first = worker;
    }
    return first;
  }
  double SecondsOf(const std::string& worker) {
    const GrantLease& lease = leases_[worker].front();
    return costs_.at(lease.cluster) * static_cast<double>(lease.units.count);
  }
  absl::Time EndOf(const std::string& worker) {
    return started_.at(leases_[worker].front().lease_id) + absl::Seconds(SecondsOf(worker));
  }
  std::set<std::pair<int, int64_t>> DoneBy(const std::string& worker) const {
    const auto done = done_.find(worker);
    if (done == done_.end()) return {};
    return {done->second.begin(), done->second.end()};
  }

  std::map<int64_t, absl::Time> started_;                             // by lease
  std::vector<double> costs_;                                         // by cluster
  std::map<std::string, std::vector<std::pair<int, int64_t>>> done_;  // (cluster, pair) in the last generation
};

}  // namespace seedcast::engine
