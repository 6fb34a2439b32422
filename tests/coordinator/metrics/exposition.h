// Prometheus' text format, and deploy/METRICS.md which says what shall be in it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace seedcast {

struct MetricForm {
  std::string type;
  std::set<std::string> labels;

  bool operator==(const MetricForm&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const MetricForm& form) {
  out << form.type;
  for (const std::string& label : form.labels) out << " " << label;
  return out;
}

struct Exposition {
  std::map<std::string, MetricForm> forms;  // by name of the family, of those that have a sample
  std::map<std::string, double> samples;    // by name and labels, as they are written

  double At(const std::string& sample) const {
    const auto found = samples.find(sample);
    return found == samples.end() ? std::nan("") : found->second;
  }
};

// Fails the test where the text is malformed.
inline Exposition ParseExposition(const std::string& text) {
  Exposition parsed;
  std::map<std::string, std::string> types;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    if (absl::StartsWith(line, "# TYPE ")) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      EXPECT_TRUE(types.emplace(words[2], words[3]).second) << "twice: " << line;
    }
    if (line[0] == '#') continue;
    const size_t space = line.rfind(' ');
    const std::string sample = line.substr(0, space);
    double value = 0;
    EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &value)) << line;
    EXPECT_TRUE(parsed.samples.emplace(sample, value).second) << "twice: " << line;
    std::string name = sample.substr(0, sample.find('{'));
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      const std::string family(absl::StripSuffix(name, suffix));
      if (types.count(family) > 0 && types[family] == "histogram") name = family;
    }
    EXPECT_EQ(types.count(name), 1u) << line;
    MetricForm& form = parsed.forms[name];
    form.type = types[name];
    const size_t brace = sample.find('{');
    if (brace == std::string::npos) continue;
    const std::vector<std::string> labels = absl::StrSplit(sample.substr(brace + 1), "\",");
    for (const std::string& label : labels) {
      const std::string label_name = label.substr(0, label.find('='));
      if (label_name != "le") form.labels.insert(label_name);
    }
  }
  return parsed;
}

// The tables of deploy/METRICS.md under headings that begin so.
inline std::map<std::string, MetricForm> DocumentedMetrics(const std::string& heading) {
  std::ifstream file(std::string(std::getenv("SEEDCAST_SOURCE_DIR")) + "/deploy/METRICS.md");
  std::map<std::string, MetricForm> metrics;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "## ")) inside = absl::StartsWith(line, "## " + heading);
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (!inside || cells.size() < 6 || absl::StartsWith(cells[1], "--") || cells[1] == " name ") continue;
    MetricForm form = {std::string(absl::StripAsciiWhitespace(cells[2])), {}};
    for (const absl::string_view label : absl::StrSplit(cells[3], ',')) {
      const absl::string_view name = absl::StripAsciiWhitespace(label);
      if (!name.empty()) form.labels.insert(std::string(name));
    }
    metrics[std::string(absl::StripAsciiWhitespace(cells[1]))] = form;
  }
  EXPECT_FALSE(metrics.empty()) << heading;
  return metrics;
}

}  // namespace seedcast
