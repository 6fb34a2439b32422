// What gRPC itself counts of each connection (its channelz, which is always on). A call that is reset at once never
// reaches our services nor their interceptors; here it is seen, whatever shape it had.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seedcast {

struct ConnectionCounts {
  int64_t connection_id;  // larger for later ones
  std::string peer;       // "ipv4:10.0.0.7:51234", as grpc::ServerContext::peer()
  int64_t reset_calls;    // that ended without an answer
};

// Of all servers of this process since they started, in some microseconds.
int64_t CallsStarted();

// Of their connections that stand, in some ten microseconds each.
std::vector<ConnectionCounts> CountResetCalls();

}  // namespace seedcast
