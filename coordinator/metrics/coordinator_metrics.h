// Every metric of the coordinator, in the words of deploy/METRICS.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/tls/certificate_gauges.h"
#include "common/transferred_bytes.h"
#include "coordinator/figures.h"

namespace seedcast {

// What is counted around the coordinator, by its server.
struct ServerFigures {
  std::string version;
  absl::Time started;
  const TransferredBytes* bytes = nullptr;
  int64_t shed_connections = 0;                       // closed at once because few descriptors were left
  int64_t silent_connections = 0;                     // cut off because they said no Hello, or did not read
  int64_t resetting_connections = 0;                  // cut off because they reset call after call, or refused after it
  std::map<absl::string_view, int64_t> denied_calls;  // by role, "none" without a certificate of ours
  double store_bytes;                                 // NaN: in memory
  double store_free_bytes;
  CertificateFigures certificate;
};

std::string CoordinatorMetricsText(const CoordinatorFigures& figures, const ServerFigures& server);

}  // namespace seedcast
