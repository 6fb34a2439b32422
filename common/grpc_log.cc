#include "common/grpc_log.h"

#include <grpc/support/log.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/log.h"
#include "common/log_budget.h"

namespace seedcast {
namespace {

constexpr int kErrorsAMinute = 10;

void LogAtDebug(gpr_log_func_args* line) { LogDebug("grpc", {{"message", line->message}}); }

void LogErrorsAsWarnings(gpr_log_func_args* line) {
  static LogBudget budget(kErrorsAMinute, absl::Minutes(1));
  if (line->severity != GPR_LOG_SEVERITY_ERROR) return LogAtDebug(line);
  if (const auto withheld = budget.Take(absl::Now())) {
    LogWarning("grpc", {{"message", line->message}, {"withheld", absl::StrCat(*withheld)}});
  } else {
    LogAtDebug(line);
  }
}

}  // namespace

void RouteGrpcLog(GrpcErrors errors) {
  gpr_set_log_function(errors == GrpcErrors::kWarning ? LogErrorsAsWarnings : LogAtDebug);
}

}  // namespace seedcast
