#include "coordinator/rpc/call_counts.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace seedcast {
namespace {

constexpr char kTransport[] = "chttp2 ";  // stands before a connection's peer

// JSON, without white space and with its numbers as strings; empty for what is not there (any more).
std::string Take(char* json) {
  const std::string text = json == nullptr ? "" : json;
  gpr_free(json);
  return text;
}

// The string that follows the next `"key":"` in `json`, which then begins behind it. Nothing that a peer says gets
// into this JSON, but for its certificate, in base64.
std::optional<absl::string_view> Next(absl::string_view key, absl::string_view* json) {
  const std::string begin = "\"" + std::string(key) + "\":\"";
  const size_t found = json->find(begin);
  if (found == absl::string_view::npos) return std::nullopt;
  json->remove_prefix(found + begin.size());
  const absl::string_view value = json->substr(0, json->find('"'));
  json->remove_prefix(value.size());
  return value;
}

int64_t NumberOf(absl::string_view text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

std::vector<int64_t> Ids(absl::string_view key, absl::string_view json) {
  std::vector<int64_t> ids;
  while (const auto id = Next(key, &json)) ids.push_back(NumberOf(*id));
  return ids;
}

// Those that listen have no peer.
std::optional<ConnectionCounts> CountsOf(int64_t socket_id) {
  const std::string json = Take(grpc_channelz_get_socket(socket_id));
  absl::string_view of_counts = json, of_ref = json;
  const auto reset_calls = Next("streamsFailed", &of_counts);  // not there when it is 0
  auto name = Next("name", &of_ref);
  if (!name || !absl::ConsumePrefix(&*name, kTransport)) return std::nullopt;
  return ConnectionCounts{socket_id, std::string(*name), reset_calls ? NumberOf(*reset_calls) : 0};
}

}  // namespace

int64_t CallsStarted() {
  const std::string servers = Take(grpc_channelz_get_servers(0));
  int64_t calls = 0;
  for (const int64_t of_server : Ids("callsStarted", servers)) calls += of_server;
  return calls;
}

std::vector<ConnectionCounts> CountResetCalls() {
  std::vector<ConnectionCounts> counts;
  for (const int64_t server : Ids("serverId", Take(grpc_channelz_get_servers(0)))) {
    for (int64_t begin = 0;;) {  // they come some hundred at a time, by id
      const std::vector<int64_t> sockets = Ids("socketId", Take(grpc_channelz_get_server_sockets(server, begin, 0)));
      if (sockets.empty()) break;
      for (const int64_t socket : sockets) {
        if (auto of_socket = CountsOf(socket)) counts.push_back(*std::move(of_socket));
      }
      begin = sockets.back() + 1;
    }
  }
  return counts;
}

}  // namespace seedcast
