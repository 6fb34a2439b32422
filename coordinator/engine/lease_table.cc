#include "coordinator/engine/lease_table.h"

#include <algorithm>
#include <iterator>

#include "coordinator/engine/check.h"

namespace seedcast::engine {

LeaseTable::LeaseTable(int64_t units, std::vector<int32_t> homes)
    : owner_(units, kPending), homes_(std::move(homes)), pending_units_(units) {
  SEEDCAST_CHECK(homes_.empty() || static_cast<int64_t>(homes_.size()) == units, "a home for every unit");
  for (int64_t first = 0, end = 0; first < units; first = end) {
    end = homes_.empty() ? units : first + 1;
    while (end < units && homes_[end] == homes_[first]) ++end;
    pending_[{HomeOf(first), first}] = end - first;
    pending_at_[HomeOf(first)] += end - first;
  }
}

int64_t LeaseTable::pending_at(int32_t home) const {
  const auto found = pending_at_.find(home);
  return found == pending_at_.end() ? 0 : found->second;
}

int32_t LeaseTable::BusiestHome() const {
  int32_t busiest = kNobody;
  int64_t most = 0;
  for (const auto& [home, units] : pending_at_) {
    if (home == kNobody || units <= most) continue;
    busiest = home;
    most = units;
  }
  return busiest;
}

UnitRange LeaseTable::Take(int64_t lease_id, int64_t max_count, int32_t taker) {
  SEEDCAST_CHECK(pending_units_ > 0 && max_count > 0, "a lease needs pending units");
  SEEDCAST_CHECK(lease_id > 0 && !assignment_of_lease_.contains(lease_id), "a lease id is used once");
  const UnitRange range = TakePending(max_count, taker);
  std::fill_n(owner_.begin() + range.first, range.count, lease_id);
  assignments_[lease_id] = {range, range.count, {lease_id}};
  assignment_of_lease_[lease_id] = lease_id;
  repeatable_.insert({1, lease_id, lease_id});
  return range;
}

UnitRange LeaseTable::TakePending(int64_t max_count, int32_t taker) {
  const bool own = pending_at(taker) > 0;
  const bool from_front = own || pending_at(kNobody) > 0;
  const int32_t home = own ? taker : from_front ? kNobody : BusiestHome();
  // Its owner goes on from the front, so the last units are those it would come to last.
  const auto span = from_front ? pending_.lower_bound({home, 0}) : std::prev(pending_.lower_bound({home + 1, 0}));
  const int64_t first = span->first.second, available = span->second, count = std::min(available, max_count);
  CountPending(home, -count);
  if (!from_front && count < available) {
    span->second = available - count;
    return {first + available - count, count};
  }
  pending_.erase(span);
  if (count < available) pending_[{home, first + count}] = available - count;
  return {first, count};
}

std::optional<UnitRange> LeaseTable::Repeat(int64_t lease_id,
                                            absl::FunctionRef<Verdict(absl::Span<const int64_t> holders)> judge) {
  for (auto key = repeatable_.begin(); key != repeatable_.end(); ++key) {
    const int64_t assignment_id = std::get<2>(*key);
    Assignment& assignment = assignments_.at(assignment_id);
    const Verdict verdict = judge(assignment.leases);
    if (verdict == Verdict::kPass) continue;
    if (verdict == Verdict::kStop) break;
    SEEDCAST_CHECK(assignment_of_lease_.emplace(lease_id, assignment_id).second, "a lease id is used once");
    repeatable_.erase(key);
    assignment.leases.push_back(lease_id);
    repeatable_.insert(KeyOf(assignment_id, assignment));
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
  repeatable_.erase(KeyOf(assignment_id, assignment));
  assignment.leases.erase(std::find(assignment.leases.begin(), assignment.leases.end(), lease_id));
  if (!assignment.leases.empty()) {
    repeatable_.insert(KeyOf(assignment_id, assignment));
    return;
  }
  const UnitRange range = assignment.range;
  assignments_.erase(assignment_id);
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
  const auto assignment = assignments_.find(assignment_id);
  repeatable_.erase(KeyOf(assignment_id, assignment->second));
  for (const int64_t lease_id : assignment->second.leases) {
    assignment_of_lease_.erase(lease_id);
    ended->push_back(lease_id);
  }
  assignments_.erase(assignment);
}

void LeaseTable::CountPending(int32_t home, int64_t change) {
  pending_units_ += change;
  const auto count = pending_at_.try_emplace(home, 0).first;
  count->second += change;
  if (count->second == 0) pending_at_.erase(count);
}

void LeaseTable::AddPending(int64_t unit) {
  const int32_t home = HomeOf(unit);
  owner_[unit] = kPending;
  CountPending(home, 1);
  auto after = pending_.upper_bound({home, unit});
  int64_t count = 1;
  if (after != pending_.end() && after->first == std::pair(home, unit + 1)) {
    count += after->second;
    after = pending_.erase(after);
  }
  if (after != pending_.begin()) {
    const auto before = std::prev(after);
    const auto [before_home, before_first] = before->first;
    const int64_t before_end = before_first + before->second;
    SEEDCAST_CHECK(before_home != home || before_end <= unit, "a unit is pending once");
    if (before_home == home && before_end == unit) {
      before->second += count;
      return;
    }
  }
  pending_[{home, unit}] = count;
}

void LeaseTable::RemovePending(int64_t unit) {
  const int32_t home = HomeOf(unit);
  auto span = pending_.upper_bound({home, unit});
  SEEDCAST_CHECK(span != pending_.begin(), "a pending unit stands in the pending set");
  --span;
  const int64_t first = span->first.second, count = span->second;
  SEEDCAST_CHECK(span->first.first == home && unit < first + count, "a pending unit stands in the pending set");
  if (unit == first) {
    pending_.erase(span);
  } else {
    span->second = unit - first;
  }
  if (unit + 1 < first + count) pending_[{home, unit + 1}] = first + count - unit - 1;
  CountPending(home, -1);
}

}  // namespace seedcast::engine
