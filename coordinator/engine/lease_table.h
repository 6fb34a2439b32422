// The units of one piece of work (the pairs of a generation, the episodes of an evaluation) and who has them. Pure.
//
//   pending --Take--> out --Complete--> done        Release: out -> pending, when no other lease holds the range
//      \------------------Complete-----^            (a late result of a lease that was given up)
//
// A range that is out is held by one lease, or by more once it was repeated at the tail of the work; all hold exactly
// the same range. Costs do not depend on the number of units or leases, but for the units of the range itself.
//
// A unit may be *at home* with somebody who did it before and has what it needs at hand. Ranges never cross homes.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"

namespace seedcast::engine {

struct UnitRange {
  int64_t first = 0;
  int64_t count = 0;

  bool operator==(const UnitRange&) const = default;
};

inline constexpr int32_t kNobody = 0;  // as a home

class LeaseTable {
 public:
  // `homes` has a unit's home each; empty: all are nobody's.
  explicit LeaseTable(int64_t units, std::vector<int32_t> homes = {});

  int64_t units() const { return static_cast<int64_t>(owner_.size()); }
  int64_t pending() const { return pending_units_; }
  int64_t done() const { return done_units_; }
  bool complete() const { return done_units_ == units(); }
  int64_t pending_at(int32_t home) const;
  int32_t BusiestHome() const;  // with the most pending units, not nobody's; kNobody if there are no others

  // Pending units, at most `max_count` of them, now held by `lease_id` (> 0, new): the first at the taker's home, else
  // the first of nobody's, else the last of the busiest home. Needs pending() > 0.
  UnitRange Take(int64_t lease_id, int64_t max_count, int32_t taker = kNobody);

  // A range that is out, now held by `lease_id` too. Offers ranges to `judge`, those with the fewest holders first and
  // of these the one that was given out longest ago, until it says kJoin or kStop. Holders stand in the order they
  // came.
  enum class Verdict { kJoin, kPass, kStop };
  std::optional<UnitRange> Repeat(int64_t lease_id,
                                  absl::FunctionRef<Verdict(absl::Span<const int64_t> holders)> judge);

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
    int64_t open = 0;  // units not done
    absl::InlinedVector<int64_t, 2> leases;
  };
  // In the order in which ranges are repeated.
  using RepeatKey = std::tuple<size_t, int64_t, int64_t>;  // holders, the newest of them, the assignment
  static RepeatKey KeyOf(int64_t assignment_id, const Assignment& assignment) {
    return {assignment.leases.size(), assignment.leases.back(), assignment_id};
  }

  int32_t HomeOf(int64_t unit) const { return homes_.empty() ? kNobody : homes_[unit]; }
  UnitRange TakePending(int64_t max_count, int32_t taker);
  void CountPending(int32_t home, int64_t change);
  void AddPending(int64_t unit);
  void RemovePending(int64_t unit);
  void End(int64_t assignment_id, std::vector<int64_t>* ended);

  std::vector<int64_t> owner_;  // (units) kPending, kDone or the id of the assignment, which is its first lease's id
  std::vector<int32_t> homes_;  // (units) or empty
  absl::btree_map<std::pair<int32_t, int64_t>, int64_t> pending_;  // (home, first) -> count; disjoint, not touching
  absl::btree_map<int32_t, int64_t> pending_at_;                   // home -> units > 0
  int64_t pending_units_;
  int64_t done_units_ = 0;
  absl::flat_hash_map<int64_t, Assignment> assignments_;
  absl::flat_hash_map<int64_t, int64_t> assignment_of_lease_;
  absl::btree_set<RepeatKey> repeatable_;  // every assignment
};

}  // namespace seedcast::engine
