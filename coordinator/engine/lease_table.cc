#include "coordinator/engine/lease_table.h"

#include <algorithm>
#include <iterator>

#include "coordinator/engine/check.h"

namespace seedcast::engine {

LeaseTable::LeaseTable(int64_t units) : owner_(units, kPending), pending_units_(units) {
  if (units > 0) pending_[0] = units;
}

UnitRange LeaseTable::Take(int64_t lease_id, int64_t max_count) {
  SEEDCAST_CHECK(pending_units_ > 0 && max_count > 0, "a lease needs pending units");
  SEEDCAST_CHECK(lease_id > 0 && !assignment_of_lease_.contains(lease_id), "a lease id is used once");
  const auto [first, available] = *pending_.begin();
  const UnitRange range{first, std::min(available, max_count)};
  pending_.erase(pending_.begin());
  if (range.count < available) pending_[first + range.count] = available - range.count;
  pending_units_ -= range.count;
  std::fill_n(owner_.begin() + first, range.count, lease_id);
  assignments_[lease_id] = {range, range.count, {lease_id, 0}};
  assignment_of_lease_[lease_id] = lease_id;
  single_.insert(lease_id);
  return range;
}

std::optional<UnitRange> LeaseTable::Repeat(int64_t lease_id, absl::FunctionRef<bool(int64_t holder)> mine) {
  for (const int64_t assignment_id : single_) {
    Assignment& assignment = assignments_.at(assignment_id);
    const int free = assignment.leases[0] == 0 ? 0 : 1;
    if (mine(assignment.leases[1 - free])) continue;
    SEEDCAST_CHECK(assignment_of_lease_.emplace(lease_id, assignment_id).second, "a lease id is used once");
    assignment.leases[free] = lease_id;
    single_.erase(assignment_id);
    return assignment.range;
  }
  return std::nullopt;
}

void LeaseTable::Release(int64_t lease_id) {
  const auto found = assignment_of_lease_.find(lease_id);
  if (found == assignment_of_lease_.end()) return;
  const int64_t assignment_id = found->second;
  assignment_of_lease_.erase(found);
  Assignment& assignment = assignments_.at(assignment_id);
  std::replace(assignment.leases.begin(), assignment.leases.end(), lease_id, int64_t{0});
  if (assignment.leases[0] != 0 || assignment.leases[1] != 0) {
    single_.insert(assignment_id);
    return;
  }
  const UnitRange range = assignment.range;
  assignments_.erase(assignment_id);
  single_.erase(assignment_id);
  for (int64_t unit = range.first; unit < range.first + range.count; ++unit) {
    if (owner_[unit] == assignment_id) AddPending(unit);
  }
}

std::vector<int64_t> LeaseTable::Complete(UnitRange range, absl::FunctionRef<void(int64_t unit)> on_new) {
  SEEDCAST_CHECK(range.first >= 0 && range.count >= 0 && range.count <= units() - range.first,
                 "range outside the work");
  std::vector<int64_t> ended;
  for (int64_t unit = range.first; unit < range.first + range.count; ++unit) {
    const int64_t owner = owner_[unit];
    if (owner == kDone) continue;
    if (owner == kPending) RemovePending(unit);
    owner_[unit] = kDone;
    ++done_units_;
    on_new(unit);
    if (owner != kPending && --assignments_.at(owner).open == 0) End(owner, &ended);
  }
  return ended;
}

void LeaseTable::End(int64_t assignment_id, std::vector<int64_t>* ended) {
  for (const int64_t lease_id : assignments_.at(assignment_id).leases) {
    if (lease_id == 0) continue;
    assignment_of_lease_.erase(lease_id);
    ended->push_back(lease_id);
  }
  assignments_.erase(assignment_id);
  single_.erase(assignment_id);
}

void LeaseTable::AddPending(int64_t unit) {
  owner_[unit] = kPending;
  ++pending_units_;
  auto after = pending_.upper_bound(unit);
  int64_t count = 1;
  if (after != pending_.end() && after->first == unit + 1) {
    count += after->second;
    after = pending_.erase(after);
  }
  if (after != pending_.begin()) {
    const auto before = std::prev(after);
    SEEDCAST_CHECK(before->first + before->second <= unit, "a unit is pending once");
    if (before->first + before->second == unit) {
      before->second += count;
      return;
    }
  }
  pending_[unit] = count;
}

void LeaseTable::RemovePending(int64_t unit) {
  auto span = pending_.upper_bound(unit);
  SEEDCAST_CHECK(span != pending_.begin(), "a pending unit stands in the pending set");
  --span;
  const auto [first, count] = *span;
  SEEDCAST_CHECK(unit < first + count, "a pending unit stands in the pending set");
  if (unit == first) {
    pending_.erase(span);
  } else {
    span->second = unit - first;
  }
  if (unit + 1 < first + count) pending_[unit + 1] = first + count - unit - 1;
  --pending_units_;
}

}  // namespace seedcast::engine
