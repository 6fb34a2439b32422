// A line that says how far something is. On a terminal it is redrawn in place, a few times a second at most; elsewhere
// (a log file, a pipe) a plain line appears every ten seconds.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "cli/console.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

class ProgressLine {
 public:
  explicit ProgressLine(Console& console) : console_(console) {}
  ~ProgressLine() { Finish(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Cheap to call as often as there is news.
  void Show(const std::string& line, absl::Time now);
  // Drawn whenever the last one was: for a line that may be the newest for long.
  void ShowAtOnce(const std::string& line, absl::Time now);
  // Leaves the newest line standing, so that what is written next begins on a fresh one. Idempotent.
  void Finish();

 private:
  void Draw();

  Console& console_;
  std::string newest_;
  bool newest_is_drawn_ = true;
  bool line_is_open_ = false;  // drawn in place, without its newline
  absl::Time last_draw_ = absl::InfinitePast();
};

// How much longer the longest cluster group took than their mean, 0 for perfect balance. At least one group.
double GroupImbalance(const v1::GenerationMetrics& generation);

// "generation 120/800 · fitness -1.2341 · validation 93.20 % · 1,234 evaluations/s · ETA 3m 20s", and with clusters
// "... · 2 groups, imbalance 3 %, idle 5 % · ... · quadratics -1.21, bowls -4.30".
std::string DescribeProgress(const v1::JobStatus& status);

}  // namespace seedcast
