// gRPC's own log lines, which carry bytes of its peers raw, pass through ours.
#pragma once

namespace seedcast {

// A server's errors, such as a refused certificate, are told nowhere else: they are warnings, a few a minute. Who calls
// gets them in the status of the call.
enum class GrpcErrors { kDebug, kWarning };

void RouteGrpcLog(GrpcErrors errors);  // once, before threads use gRPC; again does no harm

}  // namespace seedcast
