#include "cli/table.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace seedcast {
namespace {

// Code points: all that we print are one column wide.
size_t DisplayWidth(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string Padded(const std::string& text, size_t width, Column::Align align) {
  const std::string space(width - DisplayWidth(text), ' ');
  return align == Column::kLeft ? text + space : space + text;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::str() const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(DisplayWidth(column.name));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "  ", Padded(cell_of(i), widths[i], columns_[i].align));
    }
    return absl::StrCat(text.substr(0, text.find_last_not_of(' ') + 1), "\n");
  };
  const bool has_header =
      std::any_of(columns_.begin(), columns_.end(), [](const Column& c) { return !c.name.empty(); });
  std::string text = has_header ? line([&](size_t i) { return columns_[i].name; }) : "";
  for (const auto& row : rows_) text += line([&](size_t i) { return row[i]; });
  return text;
}

std::string Printable(absl::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return printable;
}

std::string FormatCount(double value) {
  if (!std::isfinite(value)) return "-";
  if (std::abs(value) < 100 && value != std::floor(value)) return absl::StrFormat("%.1f", value);
  std::string digits = absl::StrFormat("%.0f", std::abs(value));
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(i, ",");
  return absl::StrCat(value < 0 ? "-" : "", digits);
}

std::string FormatBytes(double bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  int unit = 0;
  while (bytes >= 1000 && unit < 4) {
    bytes /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, bytes, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  if (seconds < 59.95) return absl::StrFormat("%.1f s", seconds);  // no "60.0 s"
  const int64_t whole = std::llround(seconds), minutes = whole / 60;
  if (minutes < 60) return absl::StrFormat("%dm %02ds", minutes, whole % 60);
  if (minutes < 48 * 60) return absl::StrFormat("%dh %02dm", minutes / 60, minutes % 60);
  return absl::StrFormat("%dd %02dh", minutes / (24 * 60), minutes / 60 % 24);
}

std::string FormatPercent(double share) { return std::isfinite(share) ? absl::StrFormat("%.2f %%", 100 * share) : "-"; }

std::string FormatAccuracy(const v1::EvaluationResult& result) {
  if (!std::isfinite(result.accuracy())) {
    return std::isfinite(result.fitness()) ? absl::StrFormat("fitness %.6g", result.fitness()) : "no finite fitness";
  }
  return absl::StrFormat("%.2f ± %.2f %%", 100 * result.accuracy(), 100 * result.interval());
}

std::string FormatResult(const v1::JobSpec& spec, const v1::EvaluationResult& result) {
  if (!spec.has_learned_optimizer() || !std::isfinite(result.accuracy())) return FormatAccuracy(result);
  return absl::StrFormat("fitness %.4f (accuracy %.2f %%)", result.fitness(), 100 * result.accuracy());
}

std::string Sparkline(absl::Span<const double> values, size_t width) {
  static constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double v) { return std::isfinite(v); });
  const size_t cells = std::min(width, finite.size());
  if (cells == 0) return "";
  std::vector<double> means;
  for (size_t i = 0; i < cells; ++i) {
    const size_t begin = i * finite.size() / cells, end = (i + 1) * finite.size() / cells;
    double sum = 0;
    for (size_t k = begin; k < end; ++k) sum += finite[k];
    means.push_back(sum / static_cast<double>(end - begin));
  }
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  std::string line;
  for (const double mean : means) line += kBlocks[*high > *low ? std::lround(7 * (mean - *low) / (*high - *low)) : 3];
  return line;
}

}  // namespace seedcast
