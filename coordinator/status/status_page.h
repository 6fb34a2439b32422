// The status page itself: a few files, which ask the StatusApi for what they show.
#pragma once

#include "common/http/http_server.h"

namespace seedcast {

void AddStatusPage(HttpServer* server);

}  // namespace seedcast
