#include "common/metrics/metric_families.h"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

namespace seedcast {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

prometheus::ClientMetric Sample(MetricFamilies::Labels labels) {
  prometheus::ClientMetric sample;
  for (const auto& [name, value] : labels) sample.label.push_back({std::string(name), std::string(value)});
  return sample;
}

}  // namespace

MetricFamilies& MetricFamilies::Begin(const std::string& name, const std::string& help, prometheus::MetricType type) {
  families_.push_back({name, help, type, {}});
  return *this;
}
MetricFamilies& MetricFamilies::Gauge(const std::string& name, const std::string& help) {
  return Begin(name, help, prometheus::MetricType::Gauge);
}
MetricFamilies& MetricFamilies::Counter(const std::string& name, const std::string& help) {
  return Begin(name, help, prometheus::MetricType::Counter);
}
MetricFamilies& MetricFamilies::Histogram(const std::string& name, const std::string& help) {
  return Begin(name, help, prometheus::MetricType::Histogram);
}

MetricFamilies& MetricFamilies::Add(double value, Labels labels) {
  if (std::isnan(value)) return *this;
  prometheus::ClientMetric sample = Sample(labels);
  (families_.back().type == prometheus::MetricType::Counter ? sample.counter.value : sample.gauge.value) = value;
  families_.back().metric.push_back(std::move(sample));
  return *this;
}

MetricFamilies& MetricFamilies::Add(const SecondsHistogram& histogram) {
  prometheus::ClientMetric sample;
  uint64_t cumulative = 0;
  for (size_t bucket = 0; bucket < SecondsHistogram::kBounds.size(); ++bucket) {
    cumulative += histogram.count(bucket);
    sample.histogram.bucket.push_back({cumulative, SecondsHistogram::kBounds[bucket]});
  }
  sample.histogram.sample_count = histogram.count();
  sample.histogram.sample_sum = histogram.sum();
  families_.back().metric.push_back(std::move(sample));
  return *this;
}

std::string MetricFamilies::Text() const {
  std::vector<prometheus::MetricFamily> filled;
  for (const prometheus::MetricFamily& family : families_) {
    if (!family.metric.empty()) filled.push_back(family);
  }
  return prometheus::TextSerializer().prometheus::Serializer::Serialize(filled);
}

void AddProcess(const std::string& version, absl::Time started, MetricFamilies* families) {
  families->Gauge("seedcast_build_info", "1, with the version of this binary").Add(1, {{"version", version}});
  families->Gauge("process_start_time_seconds", "When this process began to serve, Unix time")
      .Add(absl::ToDoubleSeconds(started - absl::UnixEpoch()));
  families->Gauge("process_resident_memory_bytes", "Memory of this process").Add(ResidentBytes());
}

void AddTransferredBytes(const std::string& name, const TransferredBytes& bytes, MetricFamilies* families) {
  constexpr const char* kDirections[] = {"sent", "received"};
  constexpr const char* kKinds[] = {"stream", "log", "snapshot", "artifact"};
  families->Counter(name, "Bytes of messages between coordinator and workers");
  for (int direction = 0; direction < TransferredBytes::kDirections; ++direction) {
    for (int kind = 0; kind < TransferredBytes::kKinds; ++kind) {
      const int64_t value =
          bytes.Get(static_cast<TransferredBytes::Direction>(direction), static_cast<TransferredBytes::Kind>(kind));
      families->Add(static_cast<double>(value), {{"direction", kDirections[direction]}, {"kind", kKinds[kind]}});
    }
  }
}

}  // namespace seedcast
