// Every metric of a worker, in the words of deploy/METRICS.md.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "common/transferred_bytes.h"
#include "worker/runtime/figures.h"

namespace seedcast {

// `certificate_expiry_unix_seconds` NaN: no TLS.
std::string WorkerMetricsText(const WorkerFigures& figures, const TransferredBytes& bytes, const std::string& version,
                              absl::Time started, double certificate_expiry_unix_seconds);

}  // namespace seedcast
