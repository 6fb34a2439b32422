#include "coordinator/job_record.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/spec/resolve.h"
#include "common/status_macros.h"
#include "common/strategy/estimator.h"
#include "common/strategy/update.h"

namespace seedcast {
namespace {

constexpr size_t kRecentGenerations = 8;
constexpr int64_t kMaxRecordsPerRead = 256;
constexpr int64_t kMaxValuesPerRead = int64_t{4} << 20;

struct Moments {
  int64_t count = 0;
  double mean = std::numeric_limits<double>::quiet_NaN();
  double deviation = 0;  // of the sample
};

// Over the finite values, in index order.
Moments MomentsOf(absl::Span<const float> values) {
  Moments moments;
  double sum = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++moments.count;
  }
  if (moments.count == 0) return moments;
  moments.mean = sum / static_cast<double>(moments.count);
  double squares = 0;
  for (const float value : values) {
    if (std::isfinite(value)) squares += (value - moments.mean) * (value - moments.mean);
  }
  if (moments.count > 1) moments.deviation = std::sqrt(squares / static_cast<double>(moments.count - 1));
  return moments;
}

void MeasureFitness(absl::Span<const float> fitness, v1::GenerationMetrics* metrics) {
  const Moments moments = MomentsOf(fitness);
  float lowest = std::numeric_limits<float>::infinity(), highest = -lowest;
  for (const float value : fitness) {
    if (!std::isfinite(value)) continue;
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
  }
  metrics->set_fitness_mean(moments.mean);
  metrics->set_fitness_min(moments.count > 0 ? lowest : moments.mean);
  metrics->set_fitness_max(moments.count > 0 ? highest : moments.mean);
}

v1::GenerationRecord ChainedRecord(const JobRecord& job, const Outcome& outcome) {
  v1::GenerationRecord record;
  record.set_generation(job.version);
  record.mutable_fitness()->Add(outcome.fitness.begin(), outcome.fitness.end());
  record.mutable_gradient()->Add(outcome.gradient.begin(), outcome.gradient.end());
  record.set_state_digest(ToBytes(job.digest));
  record.set_chain(ToBytes(ChainNext(job.chain, job.version, job.digest, outcome)));
  record.mutable_metrics()->set_generation(job.version);
  if (job.version > job.row.first_version) record.set_previous_estimate_norm(job.last.estimate_norm());
  return record;
}

void AddValidation(const JobRecord& job, const std::optional<engine::EpisodeResults>& validation,
                   v1::GenerationMetrics* metrics) {
  if (!validation) return;
  *metrics->mutable_validation() = Summarise(*validation, job.row.spec.validation().episodes(), job.version);
}

void MeasureClusters(const v1::JobSpec& spec, const engine::CommitGeneration& closed, v1::GenerationMetrics* metrics) {
  const auto members = static_cast<size_t>(spec.strategy().population_size());
  for (size_t c = 0; c < closed.clusters.size(); ++c) {
    const engine::ClusterReport& report = closed.clusters[c];
    metrics->set_diverged(metrics->diverged() + report.diverged);
    if (!spec.has_learned_optimizer()) continue;  // its one cluster is the job
    v1::ClusterMetrics& cluster = *metrics->add_clusters();
    cluster.set_name(spec.learned_optimizer().clusters(static_cast<int>(c)).name());
    cluster.set_fitness_mean(MomentsOf(closed.outcome.view().fitness.subspan(c * members, members)).mean);
    cluster.set_seconds(report.seconds);
    cluster.set_group(report.group);
    cluster.set_failed(report.failed);
    cluster.set_not_finite(report.not_finite);
    cluster.set_diverged(report.diverged);
  }
  for (const engine::GroupReport& report : closed.groups) {
    v1::GroupMetrics& group = *metrics->add_groups();
    group.set_predicted_seconds(report.predicted_seconds);
    group.set_measured_seconds(report.measured_seconds);
    group.set_finished_seconds(report.finished_seconds);
    group.set_workers(report.workers);
    group.set_slots(report.slots);
    group.set_stolen_pairs(report.stolen_pairs);
  }
}

bool CarriesPastRestarts(const v1::JobSpec& spec) { return spec.learned_optimizer().published().carried_state(); }

// Mean number of generations behind a pair's inner state.
double MeanAge(const v1::JobSpec& spec) {
  const v1::Unroll& unroll = UnrollOf(spec);
  const double unrolls = double{1} * unroll.count() * (CarriesPastRestarts(spec) ? unroll.restarts() : 1);
  return unroll.lengths() == v1::Unroll::EXPONENTIAL ? unrolls - 1 : (unrolls - 1) / 2;
}

bool BeginsAnew(const v1::JobSpec& spec, int64_t generation, int64_t pair) {
  const Boundary boundary = BoundaryBefore(spec, generation, pair);
  return CarriesPastRestarts(spec) ? boundary == Boundary::kReset : boundary != Boundary::kNone;
}

// Mean of the last few generations; 0 before the first.
double SecondsPerGeneration(const JobRecord& job) {
  if (job.recent_seconds.empty()) return 0;
  const double sum = std::accumulate(job.recent_seconds.begin(), job.recent_seconds.end(), 0.0);
  return sum / static_cast<double>(job.recent_seconds.size());
}

}  // namespace

v1::GenerationRecord MakeRecord(const JobRecord& job, const engine::CommitGeneration& closed) {
  v1::GenerationRecord record = ChainedRecord(job, closed.outcome.view());
  v1::GenerationMetrics& metrics = *record.mutable_metrics();
  MeasureFitness(closed.outcome.fitness, &metrics);
  metrics.set_failed(closed.failed);
  metrics.set_not_finite(closed.not_finite);
  metrics.set_seconds(closed.seconds);
  metrics.set_idle_share(closed.idle_share);
  MeasureClusters(job.row.spec, closed, &metrics);
  metrics.set_learning_rate(LearningRateAt(job.row.spec, job.version));
  metrics.set_sigma(SigmaAt(job.row.spec, job.version));
  AddValidation(job, closed.validation, &metrics);
  return record;
}

v1::GenerationRecord MakeRecord(const JobRecord& job, const engine::FinishJob& finished) {
  v1::GenerationRecord record = ChainedRecord(job, {});
  record.mutable_metrics()->set_seconds(finished.seconds);
  AddValidation(job, finished.validation, record.mutable_metrics());
  return record;
}

absl::Status AddToSums(const v1::GenerationRecord& record, JobRecord* job) {
  Digest state_digest{};
  FromBytes(record.state_digest(), &state_digest);
  const Digest chain = ChainNext(job->chain, record.generation(), state_digest, OutcomeOf(record));
  if (ToBytes(chain) != record.chain()) {
    return absl::DataLossError(absl::StrCat("job ", job->row.job_id, ": generation ", record.generation(),
                                            " of the log: chain ", ToHex(chain), ", stored ",
                                            absl::BytesToHexString(record.chain())));
  }
  job->chain = chain;
  const v1::GenerationMetrics& metrics = record.metrics();
  job->failed_evaluations += metrics.failed() + metrics.not_finite();
  job->running_seconds += metrics.seconds();
  if (metrics.has_validation()) {
    job->last_validation = metrics.validation();
    if (IsNewBest(*job, metrics.validation())) job->best = metrics.validation();
  }
  if (record.generation() == job->row.spec.generations()) {
    job->closed = true;
    job->last.set_estimate_norm(record.previous_estimate_norm());
    return absl::OkStatus();
  }
  job->last = metrics;
  job->recent_seconds.push_back(metrics.seconds());
  if (job->recent_seconds.size() > kRecentGenerations) job->recent_seconds.pop_front();
  return absl::OkStatus();
}

v1::EvaluationResult Summarise(const engine::EpisodeResults& results, const v1::EvaluationSpec& spec, int64_t version) {
  v1::EvaluationResult result;
  *result.mutable_spec() = spec;
  result.set_version(version);
  const Moments accuracy = MomentsOf(results.accuracy);
  const Moments fitness = MomentsOf(results.fitness);
  result.set_accuracy(accuracy.mean);
  result.set_fitness(fitness.mean);
  const Moments& main = accuracy.count > 0 ? accuracy : fitness;
  if (main.count > 0) result.set_interval(1.96 * main.deviation / std::sqrt(static_cast<double>(main.count)));
  return result;
}

bool Better(const v1::EvaluationResult& a, const v1::EvaluationResult& b) {
  if (std::isfinite(a.accuracy()) || std::isfinite(b.accuracy())) {
    return std::isfinite(a.accuracy()) && !(a.accuracy() <= b.accuracy());
  }
  return std::isfinite(a.fitness()) && !(a.fitness() <= b.fitness());
}

bool IsNewBest(const JobRecord& job, const v1::EvaluationResult& validation) {
  const bool held_out = job.row.spec.proto_net().characters() != v1::ProtoNetTask::TRAIN_AND_VALIDATION;
  if (!job.best || !held_out) return true;
  // Accuracy, of some problems only, is not what a learned optimizer is trained for.
  if (job.row.spec.has_learned_optimizer()) {
    return std::isfinite(validation.fitness()) && !(validation.fitness() <= job.best->fitness());
  }
  return Better(validation, *job.best);
}

double EvaluationsPerSecond(const JobRecord& job) {
  const double seconds = SecondsPerGeneration(job);
  return seconds > 0 ? static_cast<double>(FitnessCount(job.row.spec)) / seconds : 0;
}

namespace {

// Over all that this job itself trained: of a forked one, since its first version.
double MeanEvaluationsPerSecond(const JobRecord& job) {
  const auto evaluations = static_cast<double>(FitnessCount(job.row.spec) * (job.version - job.row.first_version));
  return job.running_seconds > 0 ? evaluations / job.running_seconds : 0;
}

}  // namespace

v1::JobStatus MakeStatus(const JobRecord& job) {
  v1::JobStatus status;
  status.set_job_id(job.row.job_id);
  *status.mutable_spec() = job.row.spec;
  status.set_state(job.row.state);
  status.set_message(job.row.message.empty() ? job.store_trouble : job.row.message);
  status.set_version(job.version);
  if (job.digest != Digest{}) status.set_digest(ToHex(job.digest));
  status.set_num_parameters(job.num_parameters);
  if (job.version > job.row.first_version) *status.mutable_last() = job.last;
  if (job.best) *status.mutable_best() = *job.best;
  if (job.last_validation) *status.mutable_last_validation() = *job.last_validation;
  status.set_evaluations_per_second(job.ended() ? MeanEvaluationsPerSecond(job) : EvaluationsPerSecond(job));
  if (!job.ended()) {
    const auto generations_left = static_cast<double>(job.row.spec.generations() - job.version);
    status.set_eta_seconds(SecondsPerGeneration(job) * generations_left);
  }
  if (job.generations > 0) {
    status.set_bytes_per_generation(static_cast<double>(job.bytes) / static_cast<double>(job.generations));
  }
  status.set_failed_evaluations(job.failed_evaluations);
  status.set_submitted_unix_seconds(job.row.submitted_unix_seconds);
  status.set_running_seconds(job.running_seconds);
  status.set_dataset(job.dataset);
  status.set_forked_from(job.row.forked_from);
  return status;
}

engine::JobPlan PlanOf(const v1::JobSpec& spec, int64_t num_parameters) {
  engine::JobPlan plan;
  plan.task = std::string(TaskName(spec));
  plan.population_size = spec.strategy().population_size();
  plan.generations = spec.generations();
  plan.numeric_class = spec.numeric_class();
  plan.max_workers = spec.max_workers();
  plan.validation_every = spec.validation().every();
  plan.validation_episodes = spec.validation().episodes();
  plan.max_failed_evaluations = spec.max_failed_evaluations();
  plan.clusters = ClusterCount(spec);
  plan.cluster_weights.clear();
  for (int c = 0; c < plan.clusters; ++c) plan.cluster_weights.push_back(ClusterWeight(spec, c));
  plan.cluster_groups = spec.cluster_groups();
  if (spec.strategy().estimator() == v1::Strategy::GRADIENT) plan.gradient_size = num_parameters;
  if (CarriesState(spec)) {
    plan.rebuild_units = MeanAge(spec);
    plan.begins_anew = [shared = std::make_shared<const v1::JobSpec>(spec)](int64_t generation, int64_t pair) {
      return BeginsAnew(*shared, generation, pair);
    };
  }
  return plan;
}

int64_t RecordsPerRead(const JobRow& row) {
  const bool by_gradient = row.spec.strategy().estimator() == v1::Strategy::GRADIENT;
  const int64_t values = FitnessCount(row.spec) + (by_gradient ? row.num_parameters : 0);
  return std::clamp<int64_t>(kMaxValuesPerRead / std::max<int64_t>(values, 1), 1, kMaxRecordsPerRead);
}

absl::StatusOr<State> RebuildState(Store& store, const JobRow& row, int64_t version, int threads,
                                   double* estimate_norm) {
  ASSIGN_OR_RETURN(const Snapshot snapshot, store.ReadSnapshot(row.job_id, version));
  ASSIGN_OR_RETURN(State state, ParseState(snapshot.bytes));
  while (state.version < version) {
    ASSIGN_OR_RETURN(const std::vector<v1::GenerationRecord> records,
                     store.ReadLog(row.job_id, state.version, version, RecordsPerRead(row)));
    if (records.empty()) {
      return absl::DataLossError(
          absl::StrCat("job ", row.job_id, ": the log ends at ", state.version, ", expected ", version));
    }
    for (const v1::GenerationRecord& record : records) {
      if (record.generation() != state.version || ToBytes(StateDigest(state)) != record.state_digest()) {
        return absl::DataLossError(absl::StrCat("job ", row.job_id, ": replay at version ", state.version, " gives ",
                                                ToHex(StateDigest(state)), ", the log has ",
                                                absl::BytesToHexString(record.state_digest())));
      }
      ASSIGN_OR_RETURN(const UpdateReport report, Update(row.spec, OutcomeOf(record), threads, &state));
      if (estimate_norm != nullptr) *estimate_norm = report.estimate_norm;
    }
  }
  return state;
}

}  // namespace seedcast
