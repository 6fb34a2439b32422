#include "common/grpc_log.h"

#include <grpc/support/log.h>

#include "common/log.h"

namespace seedcast {

void RouteGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* line) { LogDebug("grpc", {{"message", line->message}}); });
}

}  // namespace seedcast
