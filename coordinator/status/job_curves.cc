#include "coordinator/status/job_curves.h"

#include <algorithm>
#include <utility>

#include "common/status_macros.h"
#include "coordinator/status/shown_generations.h"

namespace seedcast {
namespace {

constexpr size_t kMostCurves = 32;
// The coordinator's thread reads them, and has other things to do in between.
constexpr size_t kGenerationsPerRead = 32;

void Strip(v1::GenerationMetrics* metrics) {
  metrics->clear_clusters();
  metrics->clear_groups();
  if (metrics->has_validation()) metrics->mutable_validation()->clear_spec();
}

}  // namespace

absl::StatusOr<std::vector<v1::GenerationMetrics>> JobCurves::Get(const v1::JobStatus& status, int64_t after) {
  const std::vector<int64_t> shown = ShownGenerations(status.spec(), status.version());
  absl::MutexLock lock(&mutex_);
  Curve& curve = Use(status.job_id());
  RETURN_IF_ERROR(Extend(status.job_id(), shown, &curve));
  std::vector<v1::GenerationMetrics> result;
  for (auto point = curve.points.upper_bound(after); point != curve.points.end(); ++point) {
    result.push_back(point->second);
  }
  return result;
}

// Makes room by forgetting the one not looked at for longest.
JobCurves::Curve& JobCurves::Use(const std::string& job_id) {
  if (curves_.size() >= kMostCurves && curves_.count(job_id) == 0) {
    curves_.erase(std::min_element(curves_.begin(), curves_.end(),
                                   [](const auto& a, const auto& b) { return a.second.last_use < b.second.last_use; }));
  }
  Curve& curve = curves_[job_id];
  curve.last_use = ++uses_;
  return curve;
}

absl::Status JobCurves::Extend(const std::string& job_id, const std::vector<int64_t>& shown, Curve* curve) {
  for (auto point = curve->points.begin(); point != curve->points.end();) {
    const bool keep = std::binary_search(shown.begin(), shown.end(), point->first);
    point = keep ? std::next(point) : curve->points.erase(point);
  }
  auto next = std::lower_bound(shown.begin(), shown.end(), curve->read_to);
  while (next != shown.end()) {
    const auto end = next + std::min<ptrdiff_t>(kGenerationsPerRead, shown.end() - next);
    ASSIGN_OR_RETURN(std::vector<v1::GenerationMetrics> read, read_(job_id, {next, end}));
    for (v1::GenerationMetrics& metrics : read) {
      Strip(&metrics);
      curve->read_to = metrics.generation() + 1;
      curve->points[metrics.generation()] = std::move(metrics);
    }
    next = end;
  }
  return absl::OkStatus();
}

}  // namespace seedcast
