#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

void ProgressLine::Show(const std::string& lines, absl::Time now) {
  newest_.clear();
  for (absl::string_view line : absl::StrSplit(lines, '\n')) newest_.push_back(Printable(line));
  newest_is_drawn_ = false;
  if (now - last_draw_ < (console_.err_is_terminal ? kRedraw : kPlainLine)) return;
  last_draw_ = now;
  Draw();
}

void ProgressLine::ShowAtOnce(const std::string& lines, absl::Time now) {
  last_draw_ = absl::InfinitePast();
  Show(lines, now);
}

void ProgressLine::Finish() {
  if (!newest_is_drawn_) Draw();
  if (open_lines_ > 0) console_.err << "\n" << std::flush;
  open_lines_ = 0;
}

void ProgressLine::Draw() {
  newest_is_drawn_ = true;
  if (!console_.err_is_terminal) {
    console_.err << absl::StrJoin(newest_, " · ") << "\n" << std::flush;
    return;
  }
  if (open_lines_ > 1) console_.err << "\x1b[" << open_lines_ - 1 << "A";  // to the first of them
  console_.err << "\r\x1b[J";                                              // nothing from here on
  const size_t columns = TerminalColumns() - 1;
  console_.err << absl::StrJoin(newest_, "\n", [&](std::string* text, const std::string& line) {
    text->append(Cut(line, columns));
  }) << std::flush;
  open_lines_ = newest_.size();
}

double GroupImbalance(const v1::GenerationMetrics& generation) {
  double seconds = 0, slots = 0, longest = 0;
  for (const v1::GroupMetrics& group : generation.groups()) {
    const double group_slots = std::max(group.slots(), 1);  // records of before they were counted have none
    seconds += group.measured_seconds();
    slots += group_slots;
    longest = std::max(longest, group.measured_seconds() / group_slots);
  }
  return seconds > 0 ? longest / (seconds / slots) - 1 : 0;
}

namespace {

// "quadratics -1.21, bowls -4.30"
std::string DescribeClusters(const v1::GenerationMetrics& generation) {
  return absl::StrJoin(generation.clusters(), ", ", [](std::string* line, const v1::ClusterMetrics& cluster) {
    absl::StrAppendFormat(line, "%s %.2f", cluster.name(), cluster.fitness_mean());
  });
}

std::string DescribeJob(const v1::JobStatus& status) {
  std::string line = absl::StrCat("generation ", status.version(), "/", status.spec().generations());
  if (status.has_last()) absl::StrAppendFormat(&line, " · fitness %.4f", status.last().fitness_mean());
  if (status.has_last_validation()) {
    const v1::EvaluationResult& validation = status.last_validation();
    const bool by_accuracy = std::isfinite(validation.accuracy()) && !status.spec().has_learned_optimizer();
    absl::StrAppend(&line, " · validation ",
                    by_accuracy ? FormatPercent(validation.accuracy()) : absl::StrFormat("%.4f", validation.fitness()));
  }
  switch (status.state()) {
    case v1::RUNNING:
      if (status.slots() > 0 && status.evaluations_per_second() > 0) {
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
  return line;
}

}  // namespace

std::string DescribeProgress(const v1::JobStatus& status) {
  std::vector<std::string> lines = {Printable(DescribeJob(status))};
  const v1::GenerationMetrics& last = status.last();
  if (last.clusters_size() > 1 && last.clusters_size() <= kMostClusters) {
    lines.push_back(Printable(DescribeClusters(last)));
  }
  if (last.groups_size() > 1) {
    lines.push_back(absl::StrFormat("%d groups, imbalance %.0f %%, idle %.0f %%", last.groups_size(),
                                    100 * GroupImbalance(last), 100 * last.idle_share()));
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace seedcast
