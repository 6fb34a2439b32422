// Coordinator: what there is to be seen.
#include <algorithm>
#include <utility>

#include "coordinator/coordinator_impl.h"
#include "coordinator/engine/work.h"

namespace seedcast {
namespace {

// Those of 1 .. NumericClass_MAX, and of JobState, are all there are.
template <typename Enum, typename Value>
std::map<Enum, Value> OneForEach(int max) {
  std::map<Enum, Value> values;
  for (int i = 1; i <= max; ++i) values[static_cast<Enum>(i)];
  return values;
}

JobFigures FiguresOf(const JobRecord& job) {
  JobFigures figures = {};
  figures.job_id = job.row.job_id;
  figures.running = job.row.state == v1::RUNNING;
  figures.generation = job.version;
  figures.generations = job.row.spec.generations();
  if (job.version > job.row.first_version) figures.last = job.last;
  figures.validation = job.last_validation;
  figures.evaluations_per_second = EvaluationsPerSecond(job);
  figures.failed_evaluations = job.failed_evaluations;
  figures.fitness_quantiles = job.observed.fitness_quantiles;
  figures.estimate_cosine = job.observed.diagnostics.cosine;
  figures.signal_to_noise = job.observed.diagnostics.signal_to_noise;
  figures.effective_utilities = job.observed.diagnostics.effective_utilities;
  figures.update_ratio = job.observed.diagnostics.update_ratio;
  figures.update_seconds = job.observed.update_seconds;
  figures.commit_seconds = job.observed.commit_seconds;
  return figures;
}

// Mean over clusters, both members of each pair; 0 where no pair was measured.
double RateOf(const engine::Worker& worker, const engine::Worker::Record& record) {
  double seconds = 0;
  int clusters = 0;
  for (const auto& [work, seconds_per_unit] : record.seconds_per_unit) {
    if (work.first != engine::WorkKind::kPairs) continue;
    seconds += seconds_per_unit;
    ++clusters;
  }
  return seconds > 0 ? 2.0 * worker.slots * clusters / seconds : 0;
}

}  // namespace

CoordinatorFigures Coordinator::Impl::Figures() const {
  CoordinatorFigures figures = figures_;
  figures.engine = engine_->stats();
  figures.jobs = OneForEach<v1::JobState, int64_t>(v1::JobState_MAX);
  for (const auto& [job_id, job] : jobs_) ++figures.jobs[job.row.state];
  CountWorkers(&figures);
  CountPairs(&figures);
  for (const JobRecord* job : MostRecentlyActive()) figures.active_jobs.push_back(FiguresOf(*job));
  return figures;
}

v1::WorkersView Coordinator::Impl::Workers(absl::Time now) const {
  v1::WorkersView view;
  for (const auto& [worker_id, worker] : engine_->workers().all()) {
    v1::WorkerStatus& status = *view.add_workers();
    status.set_worker_id(worker_id);
    for (const auto& [numeric_class, proof] : worker.proofs) status.add_numeric_classes(numeric_class);
    status.set_slots(worker.slots);
    status.set_leases(static_cast<int32_t>(worker.leases.size()));
    status.set_seen_seconds_ago(absl::ToDoubleSeconds(now - worker.last_seen));
    status.set_lost(worker.lost);
    status.set_draining(worker.draining);
    for (const auto& [job_id, record] : worker.records) {
      const auto job = jobs_.find(job_id);
      const double rate = RateOf(worker, record);
      if (job == jobs_.end() || job->second.ended() || rate == 0) continue;
      v1::WorkerStatus::JobRate& job_rate = *status.add_rates();
      job_rate.set_job_id(job_id);
      job_rate.set_evaluations_per_second(rate);
    }
  }
  return view;
}

void Coordinator::Impl::CountWorkers(CoordinatorFigures* figures) const {
  figures->workers = OneForEach<v1::NumericClass, CoordinatorFigures::Workers>(v1::NumericClass_MAX);
  for (const auto& [worker_id, worker] : engine_->workers().all()) {
    if (worker.lost) continue;
    for (const auto& [numeric_class, proof] : worker.proofs) {
      ++figures->workers[numeric_class].workers;
      figures->workers[numeric_class].slots += worker.slots;
    }
  }
}

void Coordinator::Impl::CountPairs(CoordinatorFigures* figures) const {
  for (const auto& [job_id, job] : jobs_) {
    if (job.row.state != v1::RUNNING) continue;
    const engine::Job* in_engine = engine_->FindJob(job_id);
    if (in_engine == nullptr || in_engine->open == nullptr) continue;
    for (const engine::Work& pairs : in_engine->open->pairs) {
      figures->pending_pairs += pairs.table.pending();
      figures->leased_pairs += pairs.table.units() - pairs.table.pending() - pairs.table.done();
    }
  }
}

std::vector<const JobRecord*> Coordinator::Impl::MostRecentlyActive() const {
  std::vector<const JobRecord*> jobs;
  for (const auto& [job_id, job] : jobs_) {
    if (!job.ended()) jobs.push_back(&job);
  }
  if (jobs.size() <= CoordinatorFigures::kMaxJobs) return jobs;
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const JobRecord* a, const JobRecord* b) { return a->observed.active > b->observed.active; });
  jobs.resize(CoordinatorFigures::kMaxJobs);
  std::sort(jobs.begin(), jobs.end(),
            [](const JobRecord* a, const JobRecord* b) { return a->row.job_id < b->row.job_id; });
  return jobs;
}

}  // namespace seedcast
