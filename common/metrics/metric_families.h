// Metrics in Prometheus' text format, put together when somebody asks: the numbers themselves are plain counters of
// whoever counts. prometheus-cpp writes the text.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/seconds_histogram.h"
#include "common/transferred_bytes.h"

namespace seedcast {

class MetricFamilies {
 public:
  using Labels = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;  // values are escaped

  // Begins a family; Add is about the one begun last.
  MetricFamilies& Gauge(const std::string& name, const std::string& help);
  MetricFamilies& Counter(const std::string& name, const std::string& help);
  MetricFamilies& Histogram(const std::string& name, const std::string& help);

  // A sample. NaN stands for none.
  MetricFamilies& Add(double value, Labels labels = {});
  MetricFamilies& Add(const SecondsHistogram& histogram);

  // Families without a sample are left out.
  std::string Text() const;

 private:
  MetricFamilies& Begin(const std::string& name, const std::string& help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

// Of this process: build, start and memory.
void AddProcess(const std::string& version, absl::Time started, MetricFamilies* families);

// A counter with labels direction and kind.
void AddTransferredBytes(const std::string& name, const TransferredBytes& bytes, MetricFamilies* families);

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace seedcast
