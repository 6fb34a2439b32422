#include "coordinator/engine/work.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace seedcast::engine {
namespace {

// More than any lease takes; a sum of such times still tells half seconds apart, which fair shares need.
constexpr double kMaxSeconds = 1e6;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

bool SameEpisodes(const v1::EvaluationSpec& a, const v1::EvaluationSpec& b) {
  return a.split() == b.split() && a.way() == b.way() && a.shot() == b.shot() && a.query() == b.query() &&
         a.episodes() == b.episodes();
}

}  // namespace

UnitRange RangeOf(const v1::LeaseResult& result) {
  if (result.has_pairs()) return {result.pairs().first_pair(), result.pairs().count()};
  if (result.has_episodes()) return {result.episodes().first_episode(), result.episodes().count()};
  return {};
}

Work::Work(WorkKind kind, Job* job, int64_t version, int64_t units)
    : kind(kind), job(job), version(version), table(units) {}

Work Work::Pairs(Job* job, int64_t version, int64_t population_size) {
  Work work(WorkKind::kPairs, job, version, population_size / 2);
  work.fitness.assign(population_size, kNaN);
  return work;
}

Work Work::Episodes(WorkKind kind, Job* job, int64_t version, int64_t evaluation_id, v1::EvaluationSpec spec) {
  Work work(kind, job, version, spec.episodes());
  work.evaluation_id = evaluation_id;
  work.fitness.assign(spec.episodes(), kNaN);
  work.accuracy.assign(spec.episodes(), kNaN);
  work.spec = std::move(spec);
  return work;
}

absl::Status Work::Check(const v1::LeaseResult& result) const {
  const UnitRange range = RangeOf(result);
  if (range.count < 1 || range.first < 0 || range.first > table.units() || range.count > table.units() - range.first) {
    return absl::InvalidArgumentError(
        absl::StrCat("units ", range.first, " + ", range.count, ", expected a range within 0 .. ", table.units()));
  }
  const int64_t values = range.count * ValuesPerUnit();
  if (result.fitness_size() != values) {
    return absl::InvalidArgumentError(absl::StrCat(result.fitness_size(), " fitness values, expected ", values));
  }
  const int64_t accuracies = kind == WorkKind::kPairs ? 0 : range.count;
  if (result.accuracy_size() != accuracies) {
    return absl::InvalidArgumentError(absl::StrCat(result.accuracy_size(), " accuracies, expected ", accuracies));
  }
  if (kind != WorkKind::kPairs && !SameEpisodes(result.episodes().spec(), spec)) {
    return absl::InvalidArgumentError("episodes of another evaluation");
  }
  for (const int32_t offset : result.failed()) {
    if (offset < 0 || offset >= values) {
      return absl::InvalidArgumentError(absl::StrCat("failed offset ", offset, ", expected 0 .. ", values - 1));
    }
  }
  if (!(result.seconds() >= 0 && result.seconds() <= kMaxSeconds)) {  // so is NaN
    return absl::InvalidArgumentError(absl::StrCat("seconds ", result.seconds(), ", expected 0 .. ", kMaxSeconds));
  }
  return absl::OkStatus();
}

int64_t Work::Accept(const v1::LeaseResult& result, std::vector<int64_t>* ended) {
  const UnitRange range = RangeOf(result);
  const int per_unit = ValuesPerUnit();
  std::vector<bool> failed_offsets(result.failed_size() > 0 ? result.fitness_size() : 0);
  for (const int32_t offset : result.failed()) failed_offsets[offset] = true;

  int64_t new_units = 0;
  *ended = table.Complete(range, [&](int64_t unit) {
    ++new_units;
    for (int k = 0; k < per_unit; ++k) {
      const int64_t offset = (unit - range.first) * per_unit + k;
      const float value = result.fitness(static_cast<int>(offset));
      if (!failed_offsets.empty() && failed_offsets[offset]) {
        ++failed;
        last_error = result.first_error();
      } else if (!std::isfinite(value)) {
        ++not_finite;
        last_error = "the fitness was not finite";
      } else {
        fitness[unit * per_unit + k] = value;
      }
    }
    if (kind != WorkKind::kPairs) accuracy[unit] = result.accuracy(static_cast<int>(unit - range.first));
  });
  return new_units;
}

EpisodeResults Work::TakeEpisodes() { return {std::move(fitness), std::move(accuracy), failed, std::move(last_error)}; }

}  // namespace seedcast::engine
