// gRPC's own log lines, which carry bytes of its peers raw, pass through ours at level debug.
#pragma once

namespace seedcast {

void RouteGrpcLog();  // once, before threads use gRPC; again does no harm

}  // namespace seedcast
