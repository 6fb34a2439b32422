#include "coordinator/engine/work.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "coordinator/engine/job.h"

namespace seedcast::engine {
namespace {

// More than any lease takes; a sum of such times still tells half seconds apart, which fair shares need.
constexpr double kMaxSeconds = 1e6;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

bool SameEpisodes(const v1::EvaluationSpec& a, const v1::EvaluationSpec& b) {
  return a.split() == b.split() && a.way() == b.way() && a.shot() == b.shot() && a.query() == b.query() &&
         a.episodes() == b.episodes() && a.steps() == b.steps();
}

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

UnitRange RangeOf(const v1::LeaseResult& result) {
  if (result.has_pairs()) return {result.pairs().first_pair(), result.pairs().count()};
  if (result.has_episodes()) return {result.episodes().first_episode(), result.episodes().count()};
  return {};
}

Work::Work(WorkKind kind, Job* job, int64_t version, int64_t units, std::vector<int32_t> homes)
    : kind(kind), job(job), version(version), table(units, std::move(homes)) {}

Work Work::Pairs(Job* job, int64_t version, int cluster, std::vector<int32_t> homes) {
  const JobPlan& plan = job->plan;
  const int64_t pairs = plan.population_size / 2;
  Work work(WorkKind::kPairs, job, version, pairs, std::move(homes));
  work.cluster = cluster;
  work.fitness.assign(plan.population_size, kNaN);
  if (plan.gradient_size > 0) work.gradient.emplace(plan.gradient_size);
  if (plan.begins_anew) work.done_by.assign(pairs, kNobody);
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
  if (kind == WorkKind::kPairs && result.pairs().cluster() != cluster) {
    return absl::InvalidArgumentError(
        absl::StrCat("cluster ", result.pairs().cluster(), ", expected 0 .. ", job->plan.clusters - 1));
  }
  if (range.count < 1 || range.first < 0 || range.first > table.units() || range.count > table.units() - range.first) {
    return absl::InvalidArgumentError(
        absl::StrCat("units ", range.first, " + ", range.count, ", expected a range within 0 .. ", table.units()));
  }
  if (absl::Status status = CheckSizes(result, range.count); !status.ok()) return status;
  if (kind != WorkKind::kPairs && !SameEpisodes(result.episodes().spec(), spec)) {
    return absl::InvalidArgumentError("episodes of another evaluation");
  }
  for (const int32_t offset : result.failed()) {
    if (offset < 0 || offset >= result.fitness_size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("failed offset ", offset, ", expected 0 .. ", result.fitness_size() - 1));
    }
  }
  if (result.diverged() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("diverged ", result.diverged(), ", expected at least 0"));
  }
  if (!(result.seconds() >= 0 && result.seconds() <= kMaxSeconds)) {  // so is NaN
    return absl::InvalidArgumentError(absl::StrCat("seconds ", result.seconds(), ", expected 0 .. ", kMaxSeconds));
  }
  return absl::OkStatus();
}

absl::Status Work::CheckSizes(const v1::LeaseResult& result, int64_t units) const {
  const struct {
    const char* what;
    int64_t size, expected;
  } sizes[] = {
      {"fitness values", result.fitness_size(), units * ValuesPerUnit()},
      {"accuracies", result.accuracy_size(), kind == WorkKind::kPairs ? 0 : units},
      {"gradient values", result.gradient_size(), kind == WorkKind::kPairs ? units * job->plan.gradient_size : 0},
  };
  for (const auto& s : sizes) {
    if (s.size == s.expected) continue;
    return absl::InvalidArgumentError(absl::StrCat(s.size, " ", s.what, ", expected ", s.expected));
  }
  return absl::OkStatus();
}

int64_t Work::Accept(const v1::LeaseResult& result, int32_t worker, absl::Time now, std::vector<int64_t>* ended) {
  const UnitRange range = RangeOf(result);
  std::vector<bool> failed_offsets(result.failed_size() > 0 ? result.fitness_size() : 0);
  for (const int32_t offset : result.failed()) failed_offsets[offset] = true;

  int64_t new_units = 0;
  *ended = table.Complete(range, [&](int64_t unit) {
    ++new_units;
    AcceptUnit(result, unit, unit - range.first, failed_offsets);
    if (!done_by.empty()) done_by[unit] = worker;
  });
  if (new_units == 0) return 0;
  progressed = now;
  const double share = static_cast<double>(new_units) / static_cast<double>(range.count);
  seconds += result.seconds() * share;
  diverged += std::llround(result.diverged() * share);  // which of the units they were in is not known
  return new_units;
}

void Work::AcceptUnit(const v1::LeaseResult& result, int64_t unit, int64_t index,
                      const std::vector<bool>& failed_offsets) {
  absl::Span<const float> unit_gradient;
  if (gradient) {
    unit_gradient = absl::MakeConstSpan(result.gradient()).subspan(index * job->plan.gradient_size);
    unit_gradient = unit_gradient.first(job->plan.gradient_size);
  }
  // Without one a pair has given nothing, whatever its fitness: where one element overflowed the others are of no use.
  const bool finite_gradient = AllFinite(unit_gradient);
  bool counts = finite_gradient;
  for (int k = 0; k < ValuesPerUnit(); ++k) {
    const int64_t offset = index * ValuesPerUnit() + k;
    const float value = result.fitness(static_cast<int>(offset));
    if (!failed_offsets.empty() && failed_offsets[offset]) {
      ++failed;
      last_error = result.first_error();
      counts = false;
    } else if (!finite_gradient || !std::isfinite(value)) {
      ++not_finite;
      last_error = finite_gradient ? "the fitness was not finite" : "the gradient was not finite";
      counts = false;
    } else {
      fitness[unit * ValuesPerUnit() + k] = value;
    }
  }
  if (gradient) gradient->Add(unit, counts ? unit_gradient : absl::Span<const float>());
  if (kind != WorkKind::kPairs) accuracy[unit] = result.accuracy(static_cast<int>(index));
}

EpisodeResults Work::TakeEpisodes() { return {std::move(fitness), std::move(accuracy), failed, std::move(last_error)}; }

}  // namespace seedcast::engine
