#include "worker/metrics/worker_http.h"

#include <memory>

#include "absl/time/clock.h"
#include "common/metrics/metric_families.h"
#include "common/tls/certificate_gauges.h"
#include "worker/metrics/worker_metrics.h"

namespace seedcast {

void AddWorkerPages(const Worker* worker, const TransferredBytes* bytes, const TlsFiles& tls, absl::Time started,
                    HttpServer* server) {
  const auto certificate = std::make_shared<CertificateGauges>(tls, TlsSide::kClient, started);
  server->Handle("GET", "/metrics", [=](const HttpRequest&) -> HttpResponse {
    return {200,
            WorkerMetricsText(worker->figures(), *bytes, SEEDCAST_VERSION, started, certificate->Look(absl::Now())),
            kMetricsContentType};
  });
  server->Handle("GET", "/healthz", [=](const HttpRequest&) -> HttpResponse {
    if (worker->figures().connected) return {200, "ok\n"};
    return {503, "not connected to the coordinator\n"};
  });
  server->Handle("GET", "/livez", [](const HttpRequest&) -> HttpResponse { return {200, "ok\n"}; });
}

}  // namespace seedcast
