#include "worker/metrics/worker_metrics.h"

#include "common/metrics/metric_families.h"

namespace seedcast {
namespace {

double Count(int64_t count) { return static_cast<double>(count); }

}  // namespace

std::string WorkerMetricsText(const WorkerFigures& figures, const TransferredBytes& bytes, const std::string& version,
                              absl::Time started, const CertificateFigures& certificate) {
  MetricFamilies families;
  AddProcess(version, started, &families);
  families.Gauge("seedcast_worker_connected", "1 while it has a stream to its coordinator").Add(figures.connected);
  families.Counter("seedcast_worker_connects_total", "Streams opened").Add(Count(figures.connects));
  families.Gauge("seedcast_worker_slots", "Threads that evaluate").Add(figures.slots);
  families.Gauge("seedcast_worker_busy_slots", "Those that do so now").Add(figures.busy_slots);
  families.Counter("seedcast_worker_evaluations_total", "Members evaluated").Add(Count(figures.evaluations));
  families.Counter("seedcast_worker_leases_total", "Leases, by what became of them")
      .Add(Count(figures.done_leases), {{"outcome", "done"}})
      .Add(Count(figures.cancelled_leases), {{"outcome", "cancelled"}})
      .Add(Count(figures.failed_leases), {{"outcome", "failed"}});
  families.Histogram("seedcast_worker_evaluation_seconds", "Slot time of one lease").Add(figures.evaluation);
  families.Counter("seedcast_worker_replayed_generations_total", "Parameters brought up by replaying the log")
      .Add(Count(figures.stats.replayed_generations()));
  families.Counter("seedcast_worker_fetched_snapshots_total", "Parameters brought up by a snapshot")
      .Add(Count(figures.stats.fetched_snapshots()));
  families.Counter("seedcast_worker_rebuilt_states_total", "Inner states built again")
      .Add(Count(figures.stats.rebuilt_states()));
  AddTransferredBytes("seedcast_worker_transferred_bytes_total", bytes, &families);
  families.Gauge("seedcast_worker_state_bytes", "Scratch memory of a slot")
      .Add(Count(figures.stats.state_bytes_per_slot()));
  families.Gauge("seedcast_certificate_expiry_timestamp_seconds", "End of the certificate in use, Unix time")
      .Add(certificate.expiry_unix_seconds);
  families.Gauge("seedcast_certificate_usable", "1 while the certificate files can be used").Add(certificate.usable);
  return families.Text();
}

}  // namespace seedcast
