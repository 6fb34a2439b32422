#include "coordinator/rpc/reset_ledger.h"

#include <algorithm>
#include <utility>

namespace seedcast {

std::vector<std::string> ResetLedger::Take(const std::vector<ConnectionCounts>& connections, absl::Time now) {
  const double leaked = entries_.empty() ? 0 : kPerSecond * absl::ToDoubleSeconds(now - last_);
  std::map<int64_t, Entry> entries;
  std::vector<std::string> over;
  for (const ConnectionCounts& connection : connections) {
    const auto known = entries_.find(connection.connection_id);
    Entry entry = known == entries_.end() ? Entry() : known->second;
    entry.level = std::max(0.0, entry.level - leaked) + static_cast<double>(connection.reset_calls - entry.reset_calls);
    entry.reset_calls = connection.reset_calls;
    if (entry.level > kAtOnce) over.push_back(connection.peer);
    entries.emplace(connection.connection_id, entry);
  }
  entries_ = std::move(entries);
  last_ = now;
  return over;
}

}  // namespace seedcast
