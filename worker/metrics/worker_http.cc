#include "worker/metrics/worker_http.h"

#include "common/metrics/metric_families.h"
#include "worker/metrics/worker_metrics.h"

namespace seedcast {

void AddWorkerPages(const Worker* worker, const TransferredBytes* bytes, absl::Time started, HttpServer* server) {
  server->Handle("GET", "/metrics", [=](const HttpRequest&) -> HttpResponse {
    return {200, WorkerMetricsText(worker->figures(), *bytes, SEEDCAST_VERSION, started), kMetricsContentType};
  });
  server->Handle("GET", "/healthz", [=](const HttpRequest&) -> HttpResponse {
    if (worker->figures().connected) return {200, "ok\n"};
    return {503, "not connected to the coordinator\n"};
  });
  server->Handle("GET", "/livez", [](const HttpRequest&) -> HttpResponse { return {200, "ok\n"}; });
}

}  // namespace seedcast
