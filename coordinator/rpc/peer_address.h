// Connections by their other end.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

namespace seedcast {

// As grpc::ServerContext::peer() says it: "ipv4:10.0.0.7:51234", "ipv6:%5B::1%5D:51234". Empty for other families.
std::string PeerName(const sockaddr_storage& address);

// What one machine may choose its addresses from: an IPv4 address, or the first half of one of IPv6. Empty for none.
std::string SourceOf(const sockaddr_storage& address);
std::string SourceAt(int fd);  // the other end's; empty when it is no connection

// Ends the connection between our `port` and `peer` at once: what it has sent and nobody has read is forgotten, and it
// is reset. Its descriptor stays with its owner, who finds it broken; should the owner close it just now and its number
// be another connection's already, that one is ended. The peer's address; nothing when there is no such connection.
std::optional<sockaddr_storage> EndConnection(const std::string& peer, int port);

}  // namespace seedcast
