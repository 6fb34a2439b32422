#include "coordinator/rpc/source_limit.h"

#include <utility>

#include "coordinator/rpc/peer_address.h"

namespace seedcast {
namespace {

// Counting asks the kernel about every descriptor; a flood must not make us do it for each of its connections.
constexpr absl::Duration kCountEvery = absl::Milliseconds(100);

}  // namespace

bool SourceLimit::Take(int fd, const std::string& source, int64_t most, absl::Time now) {
  const auto number = static_cast<size_t>(fd);
  if (number >= source_of_.size()) source_of_.resize(number + 1);
  Forget(fd);
  if (const auto known = sources_.find(source); known != sources_.end() && known->second.connections >= most) {
    if (now - known->second.counted < kCountEvery) return false;
    known->second.counted = now;
    Recount(source);
    if (known->second.connections >= most) return false;
  }
  source_of_[number] = source;
  ++sources_[source].connections;
  return true;
}

void SourceLimit::Forget(int fd) {
  const std::string source = std::exchange(source_of_[fd], "");
  if (source.empty()) return;
  const auto found = sources_.find(source);
  if (--found->second.connections == 0) sources_.erase(found);
}

void SourceLimit::Recount(const std::string& source) {
  int64_t connections = 0;
  for (size_t fd = 0; fd < source_of_.size(); ++fd) {
    if (source_of_[fd] != source) continue;
    if (SourceAt(static_cast<int>(fd)) == source) {
      ++connections;
    } else {
      source_of_[fd].clear();
    }
  }
  sources_[source].connections = connections;
}

}  // namespace seedcast
