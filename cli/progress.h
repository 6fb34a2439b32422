// Says how far something is. On a terminal the newest is redrawn in place, a few times a second at most; elsewhere (a
// log file, a pipe) a plain line appears every ten seconds.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/console.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

// A piece of a line. A line too wide for the terminal loses whole parts, the least needed first.
struct ProgressPart {
  enum Need { kWhat, kHowWell, kHowLong, kNote, kQuality, kRate };  // the most needed first
  std::string text;
  Need need = kWhat;
};
struct ProgressRow {
  std::vector<ProgressPart> parts;
  std::string separator = " · ";
};

// As much of the row as `columns` hold. A note is shortened before anything needed less is kept; the first part stays
// whatever its width, and is cut.
std::string FitRow(const ProgressRow& row, size_t columns);

class ProgressLine {
 public:
  explicit ProgressLine(Console& console) : console_(console) {}
  ~ProgressLine() { Finish(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Cheap to call as often as there is news. On a terminal each row is a line of its width at most; elsewhere all are
  // joined to one.
  void Show(std::vector<ProgressRow> rows, absl::Time now);
  void Show(const std::string& line, absl::Time now);
  // Drawn whenever the last one was: for a line that may be the newest for long.
  void ShowAtOnce(std::vector<ProgressRow> rows, absl::Time now);
  // Leaves the newest line standing, so that what is written next begins on a fresh one. Idempotent.
  void Finish();

 private:
  void Draw();

  Console& console_;
  std::vector<ProgressRow> newest_;
  bool newest_is_drawn_ = true;
  size_t open_lines_ = 0;  // drawn in place, without the last newline
  absl::Time last_draw_ = absl::InfinitePast();
};

// How much longer the longest cluster group has to work than all together, each with its slots: 0 for perfect balance,
// as in coordinator/schedule/cluster_groups.h. At least one group.
double GroupImbalance(const v1::GenerationMetrics& generation);

// "generation 120/800 · fitness -1.2341 · validation 93.20 % · 1,234 evaluations/s · ETA 3m 20s"; clusters and groups
// have rows of their own, for together they are too long for a terminal: "quadratics -1.21, bowls -4.30" and "2
// groups, imbalance 3 %, idle 5 %".
std::vector<ProgressRow> DescribeProgress(const v1::JobStatus& status);

}  // namespace seedcast
