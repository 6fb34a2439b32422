// The units of one piece of work (the pairs of a generation, the episodes of an evaluation) and who has them. Pure.
//
//   pending --Take--> out --Complete--> done        Release: out -> pending, when no other lease holds the range
//      \------------------Complete-----^            (a late result of a lease that was given up)
//
// A range that is out is held by one lease, or by two once it was repeated at the tail of the work; both hold exactly
// the same range. Costs do not depend on the number of units or leases, but for the units of the range itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"

namespace seedcast::engine {

struct UnitRange {
  int64_t first = 0;
  int64_t count = 0;

  bool operator==(const UnitRange&) const = default;
};

class LeaseTable {
 public:
  explicit LeaseTable(int64_t units);

  int64_t units() const { return static_cast<int64_t>(owner_.size()); }
  int64_t pending() const { return pending_units_; }
  int64_t done() const { return done_units_; }
  bool complete() const { return done_units_ == units(); }
  bool has_single_holders() const { return !single_.empty(); }

  // The first pending units, at most `max_count` of them, now held by `lease_id` (> 0, new). Needs pending() > 0.
  UnitRange Take(int64_t lease_id, int64_t max_count);

  // The oldest range with one holder, now held by `lease_id` too; ranges whose holder is `mine` are passed over.
  std::optional<UnitRange> Repeat(int64_t lease_id, absl::FunctionRef<bool(int64_t holder)> mine);

  // The lease ends without a result. Unknown leases are ignored.
  void Release(int64_t lease_id);

  // Results for a range within [0, units()): calls `on_new` for each unit that was not done before. Returns the leases
  // that have nothing left to do; they are gone from the table.
  std::vector<int64_t> Complete(UnitRange range, absl::FunctionRef<void(int64_t unit)> on_new);

 private:
  static constexpr int64_t kPending = 0;
  static constexpr int64_t kDone = -1;
  struct Assignment {
    UnitRange range;
    int64_t open = 0;                    // units not done
    std::array<int64_t, 2> leases = {};  // 0: none
  };

  void AddPending(int64_t unit);
  void RemovePending(int64_t unit);
  void End(int64_t assignment_id, std::vector<int64_t>* ended);

  std::vector<int64_t> owner_;  // (units) kPending, kDone or the id of the assignment, which is its first lease's id
  absl::btree_map<int64_t, int64_t> pending_;  // first -> count; disjoint, not touching
  int64_t pending_units_;
  int64_t done_units_ = 0;
  absl::flat_hash_map<int64_t, Assignment> assignments_;
  absl::flat_hash_map<int64_t, int64_t> assignment_of_lease_;
  absl::btree_set<int64_t> single_;  // assignments with one holder, oldest first
};

}  // namespace seedcast::engine
