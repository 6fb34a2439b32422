// The connected workers: what they can do, what they hold, how quick they were.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/job.h"

namespace seedcast::engine {

struct Worker {
  // Constant.
  std::string worker_id;
  int32_t number = 0;  // > 0; the same whenever a worker of this id comes back
  int32_t slots = 1;
  std::map<v1::NumericClass, std::string> proofs;
  std::set<std::string> tasks;

  absl::Time last_seen;
  bool lost = false;      // silent for lease_ttl; back when it speaks
  bool draining = false;  // wants no more leases
  absl::btree_set<int64_t> leases;
  std::set<std::string> open_jobs;  // was sent JobOpened

  struct Record {                                                 // of this worker with one job
    std::map<std::pair<WorkKind, int>, double> seconds_per_unit;  // by kind and cluster
    int failures_in_a_row = 0;
    absl::Time retry_at = absl::InfinitePast();
  };
  std::map<std::string, Record> records;  // by job

  bool available() const { return !lost && !draining; }
  // Leases are given out up to twice the slots: while a result travels, the slot already works on the next lease.
  size_t lease_limit() const { return 2 * static_cast<size_t>(slots); }

  double SecondsPerUnit(const Work& work) const;  // 0: not measured yet
  void RecordRate(const Work& work, double seconds, int64_t units);
  // After a lease that failed: no lease of this job for 1, 2, 4 .. 32 s.
  void RecordFailure(const std::string& job_id, absl::Time now);
  bool InBackoff(const std::string& job_id, absl::Time now) const;
};

// Whether the worker's bits are the job's bits: class, proof and task. Says nothing of slots or leases.
bool CanServe(const Worker& worker, const Job& job);

class WorkerTable {
 public:
  Worker& Add(const WorkerJoined& joined, absl::Time now);
  void Remove(const std::string& worker_id);
  Worker* Find(const std::string& worker_id);
  const Worker* FindByNumber(int32_t number) const;          // null: not connected
  std::map<std::string, Worker>& all() { return workers_; }  // in order of id; addresses are stable
  const std::map<std::string, Worker>& all() const { return workers_; }

 private:
  std::map<std::string, Worker> workers_;
  std::map<std::string, int32_t> numbers_;           // of every worker there ever was
  absl::flat_hash_map<int32_t, Worker*> by_number_;  // of those connected; never iterated
};

}  // namespace seedcast::engine
