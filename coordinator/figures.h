// What there is to be seen of a coordinator at one moment, as plain numbers: for metrics and the status page.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/seconds_histogram.h"
#include "coordinator/engine/stats.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// Of a job that has not ended. NaN: there is none (yet); what is "since the start" is so after a restart, too.
struct JobFigures {
  std::string job_id;
  bool running = false;                            // neither paused nor waiting for what it needs
  int64_t generation = 0;                          // done
  int64_t generations = 0;                         // asked for
  v1::GenerationMetrics last;                      // of the last generation; empty before it
  std::optional<v1::EvaluationResult> validation;  // the newest
  double evaluations_per_second = 0;               // over the last few generations
  int64_t failed_evaluations = 0;                  // so far

  // Of the last generation since the start.
  std::array<float, 5> fitness_quantiles;  // kQuantiles of common/strategy/diagnostics.h
  double estimate_cosine;
  double signal_to_noise;
  double effective_utilities;
  double update_ratio;
  double update_seconds;
  double commit_seconds;
};

struct CoordinatorFigures {
  struct Workers {
    int64_t workers = 0;
    int64_t slots = 0;
  };

  std::map<v1::JobState, int64_t> jobs;         // of every state
  std::map<v1::NumericClass, Workers> workers;  // connected, by each class that they proved; of every class
  int64_t pending_pairs = 0;                    // of open generations of running jobs, that nobody has yet
  int64_t leased_pairs = 0;                     // and those that are out

  engine::EngineStats engine;
  int64_t store_failures = 0;   // writes that were refused and are tried again
  SecondsHistogram generation;  // from opening to commit
  SecondsHistogram update;
  SecondsHistogram commit;
  SecondsHistogram replay;  // of one state from the log

  static constexpr size_t kMaxJobs = 32;
  std::vector<JobFigures> active_jobs;  // that have not ended: the most recently active ones, by id
};

}  // namespace seedcast
