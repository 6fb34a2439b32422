// Text that people read: aligned tables, numbers with units, a curve on one line.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "seedcast/v1/job.pb.h"

namespace seedcast {

struct Column {
  enum Align { kLeft, kRight };
  std::string name;
  Align align = kLeft;
};

// Columns as wide as their widest cell, two spaces between them. Control characters in cells become spaces: a job's
// message may come from elsewhere and must not steer the terminal.
class Table {
 public:
  explicit Table(std::vector<Column> columns);
  void AddRow(std::vector<std::string> cells);  // as many as columns
  std::string str() const;                      // ends with a newline; no header line when no column has a name

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string Printable(absl::string_view text);  // control characters as spaces
std::string FormatCount(double value);          // 1234567.4 -> "1,234,567"; one decimal below 100
std::string FormatBytes(double bytes);          // "812 B", "4.2 kB", "1.3 MB"
std::string FormatSeconds(double seconds);  // "8.2 s", "3m 05s", "2h 03m", "3d 05h"; "-" when negative or not finite
std::string FormatPercent(double share);    // 0.9532 -> "95.32 %"; "-" when not finite
std::string FormatAccuracy(const v1::EvaluationResult& result);  // "95.32 ± 0.41 %", else the fitness
// What the job is judged by: of a learned optimizer "fitness 3.28 (accuracy 94.52 %)", else its accuracy.
std::string FormatResult(const v1::JobSpec& spec, const v1::EvaluationResult& result);

// The values as one line of block characters, at most `width` of them (means of neighbours), lowest to highest.
std::string Sparkline(absl::Span<const double> values, size_t width);

}  // namespace seedcast
