// Every metric of a worker, in the words of deploy/METRICS.md.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "common/tls/certificate_gauges.h"
#include "common/transferred_bytes.h"
#include "worker/runtime/figures.h"

namespace seedcast {

std::string WorkerMetricsText(const WorkerFigures& figures, const TransferredBytes& bytes, const std::string& version,
                              absl::Time started, const CertificateFigures& certificate);

}  // namespace seedcast
