// A worker's HTTP port: /metrics, /healthz (is it connected to its coordinator?) and /livez (it answers).
#pragma once

#include "absl/time/time.h"
#include "common/http/http_server.h"
#include "common/tls/certificate.h"
#include "common/transferred_bytes.h"
#include "worker/runtime/worker.h"

namespace seedcast {

// Before server->Start. The server borrows both until Stop.
void AddWorkerPages(const Worker* worker, const TransferredBytes* bytes, const TlsFiles& tls, absl::Time started,
                    HttpServer* server);

}  // namespace seedcast
