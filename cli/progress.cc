#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/table.h"
#include "common/spec/job_state.h"

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

size_t ColumnsOf(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });  // code points
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

std::string Whole(const ProgressRow& row) {
  return absl::StrJoin(row.parts, row.separator,
                       [](std::string* line, const ProgressPart& part) { line->append(part.text); });
}

}  // namespace

std::string FitRow(const ProgressRow& row, size_t columns) {
  constexpr size_t kShortestNote = 12;  // with its ellipsis; less says nothing
  const size_t gap = ColumnsOf(row.separator);
  std::vector<size_t> by_need(row.parts.size());
  std::iota(by_need.begin(), by_need.end(), 0);
  std::stable_sort(by_need.begin(), by_need.end(),
                   [&](size_t a, size_t b) { return row.parts[a].need < row.parts[b].need; });
  std::map<size_t, ProgressPart> kept;  // in the row's order
  size_t used = 0;
  for (const size_t index : by_need) {
    ProgressPart part = row.parts[index];
    const size_t before = kept.empty() ? 0 : used + gap;
    const size_t left = columns > before ? columns - before : 0;
    const bool fits = ColumnsOf(part.text) <= left;
    if (!fits && kept.empty()) return Cut(part.text, columns);
    if (!fits && (part.need != ProgressPart::kNote || left < kShortestNote)) break;
    if (!fits) part.text = Cut(part.text, left - 1) + "…";
    used = before + ColumnsOf(part.text);
    kept.emplace(index, std::move(part));
    if (!fits) break;
  }
  ProgressRow fitted{{}, row.separator};
  for (auto& [index, part] : kept) fitted.parts.push_back(std::move(part));
  return Whole(fitted);
}

void ProgressLine::Show(std::vector<ProgressRow> rows, absl::Time now) {
  newest_ = std::move(rows);
  for (ProgressRow& row : newest_) {
    for (ProgressPart& part : row.parts) part.text = Printable(part.text);
  }
  newest_is_drawn_ = false;
  if (now - last_draw_ < (console_.err_is_terminal ? kRedraw : kPlainLine)) return;
  last_draw_ = now;
  Draw();
}

void ProgressLine::Show(const std::string& line, absl::Time now) { Show({ProgressRow{{{line}}}}, now); }

void ProgressLine::ShowAtOnce(std::vector<ProgressRow> rows, absl::Time now) {
  last_draw_ = absl::InfinitePast();
  Show(std::move(rows), now);
}

void ProgressLine::Finish() {
  if (!newest_is_drawn_) Draw();
  if (open_lines_ > 0) console_.err << "\n" << std::flush;
  open_lines_ = 0;
}

void ProgressLine::Draw() {
  newest_is_drawn_ = true;
  const auto join = [this](const char* separator, const auto& text_of) {
    return absl::StrJoin(newest_, separator,
                         [&](std::string* text, const ProgressRow& row) { text->append(text_of(row)); });
  };
  if (!console_.err_is_terminal) {
    console_.err << join(" · ", Whole) << "\n" << std::flush;
    return;
  }
  if (open_lines_ > 1) console_.err << "\x1b[" << open_lines_ - 1 << "A";  // to the first of them
  console_.err << "\r\x1b[J";                                              // nothing from here on
  const size_t columns = TerminalColumns() - 1;
  console_.err << join("\n", [&](const ProgressRow& row) { return FitRow(row, columns); }) << std::flush;
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
ProgressRow DescribeClusters(const v1::GenerationMetrics& generation) {
  ProgressRow row{{}, ", "};
  for (const v1::ClusterMetrics& cluster : generation.clusters()) {
    row.parts.push_back(
        {absl::StrCat(cluster.name(), " ",
                      std::isfinite(cluster.fitness_mean()) ? absl::StrFormat("%.2f", cluster.fitness_mean()) : "-")});
  }
  return row;
}

ProgressRow DescribeGroups(const v1::GenerationMetrics& generation) {
  return {{{absl::StrCat(generation.groups_size(), " groups")},
           {absl::StrFormat("imbalance %.0f %%", 100 * GroupImbalance(generation))},
           {absl::StrFormat("idle %.0f %%", 100 * generation.idle_share())}},
          ", "};
}

// Of the newest validation; empty when there is none, or it came to nothing.
std::string Validation(const v1::JobStatus& status) {
  const v1::EvaluationResult& validation = status.last_validation();
  const bool by_accuracy = std::isfinite(validation.accuracy()) && !status.spec().has_learned_optimizer();
  if (!status.has_last_validation() || !(by_accuracy || std::isfinite(validation.fitness()))) return "";
  return absl::StrCat("validation ", by_accuracy ? FormatPercent(validation.accuracy())
                                                 : absl::StrFormat("%.4f", validation.fitness()));
}

ProgressRow DescribeJob(const v1::JobStatus& status) {
  ProgressRow row{{{absl::StrCat("generation ", status.version(), "/", status.spec().generations())}}};
  const auto add = [&row](ProgressPart::Need need, const std::string& text) {
    if (!text.empty()) row.parts.push_back({text, need});
  };
  if (status.has_last()) {
    const double fitness = status.last().fitness_mean();
    add(ProgressPart::kHowWell,
        std::isfinite(fitness) ? absl::StrFormat("fitness %.4f", fitness) : "no finite fitness");
  }
  add(ProgressPart::kQuality, Validation(status));
  if (status.state() == v1::RUNNING && status.slots() > 0 && status.evaluations_per_second() > 0) {
    add(ProgressPart::kRate, absl::StrCat(FormatCount(status.evaluations_per_second()), " evaluations/s"));
    add(ProgressPart::kHowLong, absl::StrCat("ETA ", FormatSeconds(status.eta_seconds())));
  }
  if (status.state() == v1::PAUSED) add(ProgressPart::kHowLong, "paused");
  add(ProgressPart::kNote, status.numeric_class_note());
  // Of a job that goes on: its store's trouble. Why one has ended is said after the line.
  const bool goes_on = !HasEnded(status.state());
  if (goes_on) add(ProgressPart::kNote, status.message());
  return row;
}

}  // namespace

std::vector<ProgressRow> DescribeProgress(const v1::JobStatus& status) {
  std::vector<ProgressRow> rows = {DescribeJob(status)};
  const v1::GenerationMetrics& last = status.last();
  if (last.clusters_size() > 1 && last.clusters_size() <= kMostClusters) rows.push_back(DescribeClusters(last));
  if (last.groups_size() > 1) rows.push_back(DescribeGroups(last));
  return rows;
}

}  // namespace seedcast
