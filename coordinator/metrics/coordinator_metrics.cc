#include "coordinator/metrics/coordinator_metrics.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "common/metrics/metric_families.h"
#include "common/strategy/diagnostics.h"

namespace seedcast {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double Count(int64_t count) { return static_cast<double>(count); }

void AddCluster(const CoordinatorFigures& figures, MetricFamilies* families) {
  families->Gauge("seedcast_jobs", "Jobs in the store");
  for (const auto& [state, jobs] : figures.jobs) families->Add(Count(jobs), {{"state", v1::JobState_Name(state)}});
  families->Gauge("seedcast_workers", "Connected workers that proved the class");
  for (const auto& [numeric_class, workers] : figures.workers) {
    families->Add(Count(workers.workers), {{"class", v1::NumericClass_Name(numeric_class)}});
  }
  families->Gauge("seedcast_worker_slots", "Slots of the connected workers that proved the class");
  for (const auto& [numeric_class, workers] : figures.workers) {
    families->Add(Count(workers.slots), {{"class", v1::NumericClass_Name(numeric_class)}});
  }
  families->Gauge("seedcast_pending_pairs", "Pairs of open generations that nobody has yet")
      .Add(Count(figures.pending_pairs));
  families->Gauge("seedcast_leased_pairs", "Pairs that are out").Add(Count(figures.leased_pairs));
}

void AddEngine(const engine::EngineStats& engine, MetricFamilies* families) {
  families->Counter("seedcast_leases_total", "Leases, by what became of them")
      .Add(Count(engine.granted_leases), {{"event", "granted"}})
      .Add(Count(engine.completed_leases), {{"event", "completed"}})
      .Add(Count(engine.expired_leases), {{"event", "expired"}})
      .Add(Count(engine.lost_leases), {{"event", "lost"}})
      .Add(Count(engine.repeated_leases), {{"event", "repeated"}})
      .Add(Count(engine.failed_leases), {{"event", "failed"}});
  families->Counter("seedcast_results_total", "Results of leases, by what was made of them")
      .Add(Count(engine.results), {{"outcome", "counted"}})
      .Add(Count(engine.duplicate_results), {{"outcome", "duplicate"}})
      .Add(Count(engine.stale_results), {{"outcome", "stale"}})
      .Add(Count(engine.unknown_results), {{"outcome", "unknown"}})
      .Add(Count(engine.rejected_results), {{"outcome", "rejected"}});
  families->Counter("seedcast_evaluations_total", "Members whose result counted").Add(Count(engine.evaluations));
  families->Counter("seedcast_failed_evaluations_total", "Of these, those that gave no fitness, or left the bounds")
      .Add(Count(engine.failed_evaluations), {{"kind", "failed"}})
      .Add(Count(engine.not_finite_evaluations), {{"kind", "not_finite"}})
      .Add(Count(engine.diverged), {{"kind", "diverged"}});
  families->Histogram("seedcast_lease_wait_seconds", "From a generation's opening to a lease of it")
      .Add(engine.lease_wait);
  families->Histogram("seedcast_evaluation_seconds", "Slot time of a lease").Add(engine.evaluation);
}

void AddWork(const CoordinatorFigures& figures, MetricFamilies* families) {
  families->Histogram("seedcast_generation_seconds", "From a generation's opening to its commit")
      .Add(figures.generation);
  families->Histogram("seedcast_update_seconds", "The coordinator's own update").Add(figures.update);
  families->Histogram("seedcast_commit_seconds", "One transaction of the store").Add(figures.commit);
  families->Histogram("seedcast_replay_seconds", "Rebuilding one state from the log").Add(figures.replay);
  families->Counter("seedcast_store_failures_total", "Writes that the store refused and that are tried again")
      .Add(Count(figures.store_failures));
}

void AddServer(const ServerFigures& server, MetricFamilies* families) {
  AddTransferredBytes("seedcast_transferred_bytes_total", *server.bytes, families);
  families->Counter("seedcast_refused_connections_total", "Connections and streams that were cut off")
      .Add(Count(server.shed_connections), {{"reason", "descriptors"}})
      .Add(Count(server.silent_connections), {{"reason", "silent"}})
      .Add(Count(server.resetting_connections), {{"reason", "resets"}});
  families->Counter("seedcast_denied_calls_total", "Calls that the role may not make");
  for (const auto& [role, denied] : server.denied_calls) families->Add(Count(denied), {{"role", role}});
  families->Gauge("seedcast_store_bytes", "Size of the store's files").Add(server.store_bytes);
  families->Gauge("seedcast_store_free_bytes", "Free on the store's file system").Add(server.store_free_bytes);
  families->Gauge("seedcast_certificate_expiry_timestamp_seconds", "End of the certificate in use, Unix time")
      .Add(server.certificate.expiry_unix_seconds);
  families->Gauge("seedcast_certificate_usable", "1 while the certificate files can be used")
      .Add(server.certificate.usable);
}

// A metric with one sample a job.
struct JobMetric {
  const char* name;
  const char* help;
  double (*value)(const JobFigures& job);
};

// NaN before the first generation.
template <auto Get>
double OfLast(const JobFigures& job) {
  return job.last.seconds() > 0 ? (job.last.*Get)() : kNone;
}
template <auto Get>
double OfValidation(const JobFigures& job) {
  return job.validation ? (*job.validation.*Get)() : kNone;
}
template <auto Member>
double Of(const JobFigures& job) {
  return static_cast<double>(job.*Member);
}

constexpr JobMetric kJobMetrics[] = {
    {"seedcast_job_running", "1 while its state is RUNNING", Of<&JobFigures::running>},
    {"seedcast_job_generation", "Generations done", Of<&JobFigures::generation>},
    {"seedcast_job_generations", "Generations asked for", Of<&JobFigures::generations>},
    {"seedcast_job_validation_fitness", "Fitness of the newest validation",
     OfValidation<&v1::EvaluationResult::fitness>},
    {"seedcast_job_validation_accuracy", "Accuracy of the newest validation",
     OfValidation<&v1::EvaluationResult::accuracy>},
    {"seedcast_job_estimate_norm", "Euclidean norm of the last estimate",
     OfLast<&v1::GenerationMetrics::estimate_norm>},
    {"seedcast_job_estimate_cosine", "Cosine of the last two estimates", Of<&JobFigures::estimate_cosine>},
    {"seedcast_job_signal_to_noise", "Of the estimate, from two halves of the population",
     Of<&JobFigures::signal_to_noise>},
    {"seedcast_job_effective_utilities", "Share of the pairs that decide", Of<&JobFigures::effective_utilities>},
    {"seedcast_job_update_ratio", "Norm of the step over norm of theta", Of<&JobFigures::update_ratio>},
    {"seedcast_job_sigma", "Of the last generation", OfLast<&v1::GenerationMetrics::sigma>},
    {"seedcast_job_learning_rate", "Of the last generation", OfLast<&v1::GenerationMetrics::learning_rate>},
    {"seedcast_job_evaluations_per_second", "Over the last generations", Of<&JobFigures::evaluations_per_second>},
    {"seedcast_job_idle_share", "Of its slots in the last generation", OfLast<&v1::GenerationMetrics::idle_share>},
    {"seedcast_job_failed_evaluations", "So far", Of<&JobFigures::failed_evaluations>},
};

void AddQuantiles(const std::vector<JobFigures>& jobs, MetricFamilies* families) {
  families->Gauge("seedcast_job_fitness",
                  "The last generation's finite members, by their rank from 0, the least, to 1");
  for (const JobFigures& job : jobs) {
    for (size_t i = 0; i < kQuantiles.size(); ++i) {
      families->Add(job.fitness_quantiles[i], {{"job", job.job_id}, {"rank", absl::StrCat(kQuantiles[i])}});
    }
  }
}

void AddClusterMetric(const std::vector<JobFigures>& jobs, const char* name, const char* help,
                      double (v1::ClusterMetrics::*value)() const, MetricFamilies* families) {
  families->Gauge(name, help);
  for (const JobFigures& job : jobs) {
    for (const v1::ClusterMetrics& cluster : job.last.clusters()) {
      families->Add((cluster.*value)(), {{"job", job.job_id}, {"cluster", cluster.name()}});
    }
  }
}

void AddJobs(const std::vector<JobFigures>& jobs, MetricFamilies* families) {
  for (const JobMetric& metric : kJobMetrics) {
    families->Gauge(metric.name, metric.help);
    for (const JobFigures& job : jobs) families->Add(metric.value(job), {{"job", job.job_id}});
  }
  AddQuantiles(jobs, families);
  AddClusterMetric(jobs, "seedcast_job_cluster_fitness", "Mean over the finite members",
                   &v1::ClusterMetrics::fitness_mean, families);
  AddClusterMetric(jobs, "seedcast_job_cluster_seconds", "Slot time of the last generation",
                   &v1::ClusterMetrics::seconds, families);
}

}  // namespace

std::string CoordinatorMetricsText(const CoordinatorFigures& figures, const ServerFigures& server) {
  MetricFamilies families;
  AddProcess(server.version, server.started, &families);
  AddCluster(figures, &families);
  AddEngine(figures.engine, &families);
  AddWork(figures, &families);
  AddServer(server, &families);
  AddJobs(figures.active_jobs, &families);
  return families.Text();
}

}  // namespace seedcast
