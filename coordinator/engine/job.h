// A job as the engine sees it.
//
// A job that runs (common/spec/job_state.h) is in one of these: a generation is open; its results are being committed
// (`committing`); or, for the moment between an event and its actions, neither. Version only grows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "common/spec/job_state.h"
#include "coordinator/engine/cluster_schedule.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/work.h"

namespace seedcast::engine {

// Version g of the parameters under measurement. At the last version there are no pairs, only validation.
struct Generation {
  std::vector<Work> pairs;  // (clusters), or none
  std::optional<Work> validation;
  absl::Time opened;

  // Those that gave results, and how long they were at it.
  absl::flat_hash_set<int32_t> workers;  // Worker::number; never iterated
  int64_t slots = 0;
  double busy_seconds = 0;

  bool complete() const;
  int64_t failed() const;  // members of pairs, failed and not finite together
};

struct Job {
  // Constant.
  int64_t number = 0;  // in order of arrival
  std::string job_id;
  JobPlan plan;

  v1::JobState state = v1::RUNNING;
  int64_t version = 0;
  std::string digest;
  int64_t failed_evaluations = 0;  // of the generations committed
  std::unique_ptr<Generation> open;
  bool committing = false;
  std::map<int64_t, std::unique_ptr<Work>> evaluations;  // by id: what users asked for
  ClusterSchedule schedule{1, 1, 1};
  std::vector<std::vector<int32_t>> done_by;  // (clusters)(pairs) in the last generation; none without inner state

  std::string proof;  // of the first worker that served the job; others must have computed the same
  int64_t eligible_workers = 0;
  int64_t eligible_slots = 0;
  absl::Time unserved_since = absl::InfiniteFuture();      // the first tick that found it without an eligible worker
  absl::flat_hash_map<std::string, int> leases_of_worker;  // workers with leases of this job; never iterated
  double served_seconds = 0;
  std::string last_lease_error;
  absl::Time close_at = absl::InfiniteFuture();  // when workers shall forget an ended job

  bool ended() const { return HasEnded(state); }
  bool validation_due() const {
    if (plan.validation_every <= 0) return false;
    return version == plan.generations || (version > 0 && version % plan.validation_every == 0);
  }

  // All work that is open, in the order in which it is given out.
  std::vector<Work*> OpenWork();
};

}  // namespace seedcast::engine
