#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/table.h"

namespace seedcast {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(200);
constexpr absl::Duration kPlainLine = absl::Seconds(10);
constexpr int kMostClusters = 8;  // more are not for one line

// Asked at each drawing, for the window may change.
size_t TerminalColumns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

// The first `columns` code points: a wrapped line could not be redrawn in place.
std::string Cut(const std::string& text, size_t columns) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts_character = (text[i] & 0xC0) != 0x80;
    if (starts_character && ++seen > columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

void ProgressLine::Show(const std::string& line, absl::Time now) {
  newest_ = Printable(line);
  newest_is_drawn_ = false;
  if (now - last_draw_ < (console_.err_is_terminal ? kRedraw : kPlainLine)) return;
  last_draw_ = now;
  Draw();
}

void ProgressLine::ShowAtOnce(const std::string& line, absl::Time now) {
  last_draw_ = absl::InfinitePast();
  Show(line, now);
}

void ProgressLine::Finish() {
  if (!newest_is_drawn_) Draw();
  if (line_is_open_) console_.err << "\n" << std::flush;
  line_is_open_ = false;
}

void ProgressLine::Draw() {
  newest_is_drawn_ = true;
  if (console_.err_is_terminal) {
    console_.err << "\r\x1b[2K" << Cut(newest_, TerminalColumns() - 1) << std::flush;
    line_is_open_ = true;
  } else {
    console_.err << newest_ << "\n" << std::flush;
  }
}

namespace {

// "quadratics -1.21, bowls -4.30"; nothing for a job without clusters.
std::string DescribeClusters(const v1::GenerationMetrics& generation) {
  return absl::StrJoin(generation.clusters(), ", ", [](std::string* line, const v1::ClusterMetrics& cluster) {
    absl::StrAppendFormat(line, "%s %.2f", cluster.name(), cluster.fitness_mean());
  });
}

}  // namespace

double GroupImbalance(const v1::GenerationMetrics& generation) {
  double sum = 0, longest = 0;
  for (const v1::GroupMetrics& group : generation.groups()) {
    sum += group.measured_seconds();
    longest = std::max(longest, group.measured_seconds());
  }
  return longest / (sum / generation.groups_size()) - 1;
}

std::string DescribeProgress(const v1::JobStatus& status) {
  std::string line = absl::StrCat("generation ", status.version(), "/", status.spec().generations());
  if (status.has_last()) absl::StrAppendFormat(&line, " · fitness %.4f", status.last().fitness_mean());
  if (status.has_last_validation()) {
    const v1::EvaluationResult& validation = status.last_validation();
    const bool by_accuracy = std::isfinite(validation.accuracy()) && !status.spec().has_learned_optimizer();
    absl::StrAppend(&line, " · validation ",
                    by_accuracy ? FormatPercent(validation.accuracy()) : absl::StrFormat("%.4f", validation.fitness()));
  }
  if (status.last().groups_size() > 1) {
    absl::StrAppendFormat(&line, " · %d groups, imbalance %.0f %%, idle %.0f %%", status.last().groups_size(),
                          100 * GroupImbalance(status.last()), 100 * status.last().idle_share());
  }
  switch (status.state()) {
    case v1::RUNNING:
      if (status.slots() == 0) {
        if (status.numeric_class_note().empty()) absl::StrAppend(&line, " · waiting for workers");
      } else if (status.evaluations_per_second() > 0) {
        absl::StrAppend(&line, " · ", FormatCount(status.evaluations_per_second()), " evaluations/s · ETA ",
                        FormatSeconds(status.eta_seconds()));
      }
      break;
    case v1::PAUSED:
      absl::StrAppend(&line, " · paused");
      break;
    default:
      break;
  }
  if (!status.numeric_class_note().empty()) absl::StrAppend(&line, " · ", status.numeric_class_note());
  // Of a job that goes on: its store's trouble. Why one has ended is said after the line.
  const bool goes_on = status.state() == v1::RUNNING || status.state() == v1::PAUSED;
  if (goes_on && !status.message().empty()) absl::StrAppend(&line, " · ", status.message());
  // Last, for a narrow terminal cuts it off.
  const int clusters = status.last().clusters_size();
  if (clusters > 1 && clusters <= kMostClusters) absl::StrAppend(&line, " · ", DescribeClusters(status.last()));
  return line;
}

}  // namespace seedcast
